"""Recharge cards: how PINs are written and kept, and when guessing is stopped; pure.

A PIN is 16 random digits and one check digit. Sixteen, because the chance of a guess is
active cards / 10^16: one in 10^10 with a million cards out, so that limits on guessing
have years to work; ten digits, as other systems print, would fall in an afternoon. The
check digit (Luhn) is beyond the sixteen and gives no security, since everybody can
compute it: it tells a mistyped PIN from a wrong one before anything is looked up.

A PIN is kept as HMAC-SHA256 under a key that is not in the database. A plain hash of
10^16 numbers is searched through in hours; a slow one cannot be looked up by its value.
Each key has an id, so that a new key can be taken into use while old cards are out.
"""

import hashlib
import hmac
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from billing_core.networks import network_of

RANDOM_DIGITS = 16
PIN_DIGITS = RANDOM_DIGITS + 1
_TYPED_LENGTH_MAX = 100
_KEY_ID_PURPOSE = b"khata card key id"
# White space and dashes of all scripts, and what phones add unseen, by category.
_BETWEEN = frozenset({"Zs", "Pd", "Cf", "Cc"})


def pin_of(number: int) -> str:
    """Write a random number below 10^16 as a PIN."""
    digits = f"{number:0{RANDOM_DIGITS}d}"
    if number < 0 or len(digits) != RANDOM_DIGITS:
        raise ValueError("a PIN is made of a number below 10^16")
    return digits + str(-_luhn_sum(digits + "0") % 10)


def read_pin(typed: str) -> str | None:
    """Return the PIN that a person typed; None when it cannot be one.

    Digits of any script count (Bangla among them), spaces and dashes do not.
    """
    if len(typed) > _TYPED_LENGTH_MAX:
        return None
    digits = []
    for character in typed:
        if unicodedata.category(character) in _BETWEEN:
            continue
        digit = unicodedata.decimal(character, None)
        if digit is None:
            return None
        digits.append(str(digit))
    pin = "".join(digits)
    return pin if len(pin) == PIN_DIGITS and _luhn_sum(pin) % 10 == 0 else None


def grouped(pin: str) -> str:
    """Write a PIN in groups of four, as it is printed and read out."""
    return " ".join(pin[start : start + 4] for start in range(0, len(pin), 4))


def _luhn_sum(digits: str) -> int:
    """Sum the digits as ISO/IEC 7812-1 Annex B does: every second one doubled."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + place % 2)
        total += value - 9 if value > 9 else value
    return total


@dataclass(frozen=True, slots=True)
class CardKey:
    """A key that PINs are hashed with."""

    key: bytes = field(repr=False)

    @property
    def key_id(self) -> str:
        """Name the key without telling anything of it."""
        return hmac.new(self.key, _KEY_ID_PURPOSE, hashlib.sha256).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class CardKeys:
    """The key of new cards, and those of older ones that are still out."""

    current: CardKey
    old: tuple[CardKey, ...] = ()

    def __iter__(self) -> Iterator[CardKey]:
        """Give every key, the current one first."""
        return iter((self.current, *self.old))


def pin_mac(key: CardKey, pin: str) -> bytes:
    """Hash a PIN as the database keeps it."""
    return hmac.new(key.key, pin.encode("ascii"), hashlib.sha256).digest()


class Outcome(StrEnum):
    """What became of a try; the one who tried is told less (see `told`)."""

    CREDITED = "credited"
    #: This customer has used this very card before: told so, nothing happens.
    REPEATED = "repeated"
    #: No PIN at all: the check digit is wrong, as everybody can see.
    MISTYPED = "mistyped"
    UNKNOWN = "unknown"
    USED = "used"
    VOID = "void"
    EXPIRED = "expired"
    #: Printed, but not activated yet: its distributor has not got it.
    INACTIVE = "inactive"
    #: Too many wrong ones before: the PIN was not looked at.
    LOCKED = "locked"


#: Of these the one who tried learns nothing but that the card is not taken.
REFUSED = frozenset(
    {
        Outcome.UNKNOWN,
        Outcome.USED,
        Outcome.VOID,
        Outcome.EXPIRED,
        Outcome.INACTIVE,
    }
)


def why_refused(state: str | None, *, is_his: bool, is_expired: bool) -> Outcome:
    """Say what is the matter with a card that could not be used; None = no card."""
    if state is None:
        return Outcome.UNKNOWN
    if state == "used":
        return Outcome.REPEATED if is_his else Outcome.USED
    if state == "void":
        return Outcome.VOID
    if is_expired:
        return Outcome.EXPIRED
    return Outcome.INACTIVE


@dataclass(frozen=True, slots=True)
class Limit:
    """How many strikes within what time lock a subject, and for how long."""

    strikes: int
    within: timedelta
    lock: timedelta
    #: Each lock is so many times as long as the last, up to the longest.
    growth: int
    lock_max: timedelta


#: A mistyped PIN says nothing about any card: it counts half.
STRIKES = {Outcome.MISTYPED: 1, **dict.fromkeys(REFUSED, 2)}

_QUARTER, _HOUR, _DAY = timedelta(minutes=15), timedelta(hours=1), timedelta(days=1)
#: By the kind of subject. Behind one address there may be a whole neighbourhood, and a
#: distributor serves many: their locks stay short, or one guesser would lock out all.
LIMITS = {
    "customer": Limit(10, _QUARTER, lock=_QUARTER, growth=4, lock_max=_DAY),
    "address": Limit(40, _HOUR, lock=_QUARTER, growth=2, lock_max=_HOUR),
    "distributor": Limit(60, _HOUR, lock=_QUARTER, growth=2, lock_max=_HOUR),
}
#: After so long without a lock the next one is a first one again.
_FORGIVEN_AFTER = _DAY


@dataclass(frozen=True, slots=True)
class Guard:
    """What is remembered of a subject's wrong tries."""

    subject: str
    strikes: int
    counted_since: datetime
    locks: int
    locked_until: datetime | None

    def is_locked(self, now: datetime) -> bool:
        """Tell whether the subject may not try now."""
        return self.locked_until is not None and now < self.locked_until


def subjects_of(
    customer_id: int, client_address: str | None, distributor: str
) -> list[str]:
    """Name all whose wrong tries are counted together, in the order of their locks."""
    subjects = [f"customer:{customer_id}"]
    if client_address is not None:
        subjects.append(f"address:{network_of(client_address)}")
    if distributor:
        subjects.append(f"distributor:{distributor}")
    return subjects


def strike(guard: Guard, weight: int, now: datetime) -> Guard:
    """Count a wrong try of a subject that is not locked; too many lock it."""
    limit = LIMITS[guard.subject.partition(":")[0]]
    until = guard.locked_until
    locks = guard.locks if until is None or now < until + _FORGIVEN_AFTER else 0
    strikes, since = guard.strikes, guard.counted_since
    if now >= since + limit.within:
        strikes, since = 0, now
    strikes += weight
    if strikes < limit.strikes:
        return Guard(guard.subject, strikes, since, locks, until)
    lock = min(limit.lock * limit.growth**locks, limit.lock_max)
    return Guard(guard.subject, 0, now, locks + 1, now + lock)


#: The alarm looks at the last hour.
ALARM_WITHIN = _HOUR
_ALARM_BAD_MIN = 30


def is_alarming(*, bad: int, good: int) -> bool:
    """Tell whether somebody seems to guess, with however many customers and addresses.

    People who scratched a card mistype it now and then; they do not mostly fail.
    """
    return bad >= _ALARM_BAD_MIN and bad > good
