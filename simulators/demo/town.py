"""Who lives in the demo's town: a small provider's packages, staff and customers.

All of it is made up. Usernames end in @demo and mobile numbers begin with 010, which
Bangladesh gives to nobody, so that no real person is ever told or asked anything.
"""

import random
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from billing_core.db.packages import NewPackage
from billing_core.db.profiles import NewProfile

DAYS = 183
CUSTOMERS = 200
REALM = "@demo"

_VAT = Decimal(5)
# Long: the simulated NAS goes home with the demo, and who is online then is not silent.
_INTERIM_SECONDS = 3600


def _home(name: str, price: int, megabits: int, billing: str = "monthly") -> NewPackage:
    return NewPackage(
        name=f"{name} (demo)",
        billing=billing,
        price=Decimal(price),
        validity_seconds=30 * 86400 if billing == "daily" else None,
        vat_percent=_VAT,
        rate_up_bps=megabits * 1_000_000,
        rate_down_bps=megabits * 1_000_000,
        interim_interval_seconds=_INTERIM_SECONDS,
    )


def _hotspot(name: str, price: int, days: int, gigabytes: int) -> NewPackage:
    return NewPackage(
        name=f"{name} (demo)",
        billing="package",
        price=Decimal(price),
        validity_seconds=days * 86400,
        validity_from="purchase",
        quota_octets=gigabytes * 10**9,
        vat_percent=_VAT,
        rate_up_bps=5_000_000,
        rate_down_bps=5_000_000,
        interim_interval_seconds=_INTERIM_SECONDS,
    )


HOME_10 = _home("Home 10 Mbps", 500, 10)
HOME_20 = _home("Home 20 Mbps", 800, 20)
HOME_40 = _home("Home 40 Mbps", 1200, 40)
OFFICE = _home("Office 100 Mbps", 5000, 100)
PREPAID = _home("Prepaid 15 Mbps", 600, 15, "daily")
WEEK = _hotspot("Hotspot week", 60, 7, 5)
MONTH = _hotspot("Hotspot month", 200, 30, 20)
PACKAGES = (HOME_10, HOME_20, HOME_40, OFFICE, PREPAID, WEEK, MONTH)

HOMES = NewProfile("Homes, by the 7th day (demo)", "monthly", due_days=7, grace_days=2)
OFFICES = NewProfile(
    "Offices, from the 1st (demo)",
    "monthly",
    bill_trigger="first",
    due_days=15,
    grace_days=5,
)
PROFILES = (HOMES, OFFICES)

ZONES = ("Mirpur", "Pallabi", "Uttara", "Kafrul", "Shewrapara")
#: Username, name, role, whose he is, permissions.
STAFF = (
    ("uttara.demo", "Uttara Net (demo)", "operator", None, ()),
    ("pallabi.demo", "Pallabi Online (demo)", "sub_operator", "uttara.demo", ()),
    (
        "cashier.demo",
        "Cashier (demo)",
        "manager",
        None,
        ("view_customers", "view_bills", "take_payments", "verify_payments"),
    ),
    ("cards.demo", "Rahman Store, cards (demo)", "distributor", None, ()),
)

_FIRST = {
    "rahim": "Abdur Rahim", "karim": "Fazlul Karim", "nasrin": "Nasrin Akter",
    "jahan": "Nur Jahan", "tariq": "Tariq Hasan", "sumon": "Sumon Ahmed",
    "shirin": "Shirin Sultana", "mahmud": "Mahmudul Haque", "farida": "Farida Yasmin",
    "arif": "Arif Hossain", "rumana": "রুমানা আফরোজ", "kamal": "কামাল উদ্দিন",
    "babul": "Babul Mia", "lipi": "Lipi Begum", "sohel": "Sohel Rana",
    "tania": "Tania Islam", "jabbar": "Abdul Jabbar", "mitu": "Mitu Das",
    "rafiq": "Rafiqul Islam", "shila": "Shila Khatun",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Neighbour:
    """One customer of the town, and how he pays."""

    username: str
    name: str
    mobile: str
    language: str
    zone: str
    operator: str | None
    package: NewPackage
    profile: NewProfile | None
    joined_at: datetime
    #: Days from a bill to its payment; of prepaid ones, days bought at once.
    pays_after_days: int
    #: The first moment from which he pays no more; None = he goes on.
    stops_at: datetime | None
    #: cash | bkash | transfer
    pays_by: str

    @property
    def is_prepaid(self) -> bool:
        """Tell whether each day is charged from his wallet."""
        return self.package.billing == "daily"

    @property
    def is_on_hotspot(self) -> bool:
        """Tell whether he buys packages."""
        return self.package.billing == "package"


def people(now: datetime, zone: ZoneInfo) -> list[Neighbour]:
    """Make the town's customers up, the same ones each time, oldest first."""
    dice = random.Random("khata demo")
    made = [_neighbour(dice, number, now, zone) for number in range(CUSTOMERS)]
    return sorted(made, key=lambda one: one.joined_at)


def _neighbour(
    dice: random.Random, number: int, now: datetime, zone: ZoneInfo
) -> Neighbour:
    nick = dice.choice(list(_FIRST))
    name = _FIRST[nick]
    package, profile = _terms(dice)
    # Most were there when the books were opened; a few came each week since.
    days_ago = DAYS - 1 if dice.random() < 0.55 else dice.randint(2, DAYS - 1)
    midday = time(dice.randint(9, 19), dice.randint(0, 59))
    day = now.astimezone(zone).date() - timedelta(days=days_ago)
    joined_at = datetime.combine(day, midday, zone).astimezone(UTC)
    place = dice.choice(ZONES)
    stops = dice.random() < 0.12
    return Neighbour(
        username=f"{nick}{number + 1:03d}{REALM}",
        name=name,
        mobile=f"010{10_000_000 + number * 7919:08d}",
        language="bn" if ord(name[0]) > 127 else "en",
        zone=place,
        operator={"Uttara": "uttara.demo", "Pallabi": "pallabi.demo"}.get(place),
        package=package,
        profile=profile,
        joined_at=joined_at,
        pays_after_days=dice.choice((0, 1, 2, 3, 5, 6, 7, 11)),
        stops_at=now - timedelta(days=dice.randint(5, 55)) if stops else None,
        pays_by=dice.choices(("cash", "bkash", "transfer"), (70, 22, 8))[0],
    )


def _terms(dice: random.Random) -> tuple[NewPackage, NewProfile | None]:
    package = dice.choices(
        (HOME_10, HOME_20, HOME_40, OFFICE, PREPAID, WEEK, MONTH),
        (37, 22, 9, 3, 16, 7, 6),
    )[0]
    if package.billing != "monthly":
        return package, None
    return package, OFFICES if package is OFFICE else HOMES
