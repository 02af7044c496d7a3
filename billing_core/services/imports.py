"""Take many customers on from a CSV: look at all of it first, then all of it or none.

The whole file is one transaction, so that whatever is killed leaves nothing half done;
and a file is imported once, so that sending it again changes nothing.
"""

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from billing_core.billing_terms import FREE
from billing_core.customer_csv import Problem, Row, read_customers
from billing_core.db import imports as db
from billing_core.db.connect import Connection, in_transaction
from billing_core.db.customers import CustomerError, NewCustomer
from billing_core.db.operators import list_operators, log_operator_event
from billing_core.db.packages import Package, list_packages
from billing_core.db.profiles import Profile, list_profiles
from billing_core.db.static_addresses import list_taken_addresses
from billing_core.errors import BillingError
from billing_core.kinds import KindError
from billing_core.passwords import PasswordError
from billing_core.permissions import SELLERS
from billing_core.quotes import ChangeError
from billing_core.services.registration import Registration, draft_customer

#: A file that nobody decided on for so long is thrown away.
KEPT_FOR = timedelta(days=1)
#: As many problems are told of one file.
PROBLEMS_MAX = 1000
_PURPOSE = b"khata customer import"
_NONCE_OCTETS = 12


class ImportRefusedError(BillingError):
    """A file with problems is not imported, not even its good rows."""

    def __init__(self, count: int) -> None:
        super().__init__(
            f"The file has {count} problem(s): mend them and try again. Nothing was"
            " imported."
        )


class ImportGoneError(BillingError):
    """The file is not kept any more."""

    def __init__(self) -> None:
        super().__init__("The file is not kept any more: choose it again.")


@dataclass(frozen=True, slots=True)
class Sellers:
    """Whose customers may be imported: usernames of operators, with their ids."""

    ids: Mapping[str, int]
    #: Whose a customer is of whom the file does not say it; None = the provider's.
    default: int | None
    #: Whether who imports may let them pay less than their package costs, or later.
    may_discount: bool = True


@dataclass(slots=True)
class Checked:
    """What a file holds, and what is wrong with it."""

    problems: list[Problem] = field(default_factory=list)
    problem_count: int = 0
    customers: list[tuple[NewCustomer, Decimal]] = field(default_factory=list)
    #: How many of them are on each package.
    packages: dict[str, int] = field(default_factory=dict)

    def add(self, problem: Problem) -> None:
        """Note a problem; the first thousand are kept."""
        self.problem_count += 1
        if len(self.problems) < PROBLEMS_MAX:
            self.problems.append(problem)


def sellers_of(
    conn: Connection,
    scope: Iterable[int] | None,
    default: int | None,
    *,
    may_discount: bool = True,
) -> Sellers:
    """Return the operators of a scope (None = all) who have customers."""
    return Sellers(
        {
            one.username: one.operator_id
            for one in list_operators(conn, scope)
            if one.role in SELLERS
        },
        default,
        may_discount,
    )


def check_file(
    conn: Connection,
    content: bytes,
    sellers: Sellers,
    *,
    secret_key: bytes,
    now: datetime,
) -> Checked:
    """Look at every row of a file; writes nothing."""
    checked = Checked()
    packages = {package.name: package for package in list_packages(conn)}
    profiles = {profile.name: profile for profile in list_profiles(conn)}
    lines: dict[str, int] = {}
    address_lines: dict[str, int] = {}
    for row in read_customers(content):
        if isinstance(row, Problem):
            checked.add(row)
            continue
        found = _draft(row, packages, profiles, sellers, secret_key, now)
        if isinstance(found, Problem):
            checked.add(found)
        elif found[0].username in lines:
            told = f"it stands in line {lines[found[0].username]}, too"
            checked.add(Problem(row.line, "username", told))
        else:
            lines[found[0].username] = row.line
            _note_address(checked, row, address_lines)
            checked.customers.append(found)
            name = row.cells["package"]
            checked.packages[name] = checked.packages.get(name, 0) + 1
    for username in sorted(db.list_taken(conn, list(lines)), key=lines.__getitem__):
        told = f"{username!r} is taken"
        checked.add(Problem(lines[username], "username", told))
    for address in list_taken_addresses(conn, list(address_lines)):
        told = f"{address} is another customer's static address"
        checked.add(Problem(address_lines[address], "static_ip", told))
    checked.problems.sort(key=lambda problem: problem.line)
    return checked


def keep_file(
    conn: Connection,
    content: bytes,
    *,
    file_name: str,
    secret_key: bytes,
    actor: str,
    now: datetime,
) -> int:
    """Keep a file, sealed, until somebody decides on it; returns its number."""
    db.forget_old_files(conn, before=now - KEPT_FOR)
    return db.insert_import(
        conn,
        actor=actor,
        file_name=file_name[:200],
        sha256=hashlib.sha256(content).digest(),
        sealed=_seal(secret_key, content),
        now=now,
    )


def open_file(kept: db.CustomerImport, secret_key: bytes) -> bytes:
    """Return a kept file's content."""
    if kept.sealed is None:
        raise ImportGoneError
    nonce, sealed = kept.sealed[:_NONCE_OCTETS], kept.sealed[_NONCE_OCTETS:]
    try:
        return AESGCM(secret_key).decrypt(nonce, sealed, _PURPOSE)
    except InvalidTag:
        raise ImportGoneError from None


def import_kept(
    conn: Connection,
    import_id: int,
    sellers: Sellers,
    *,
    secret_key: bytes,
    actor: str,
    now: datetime,
) -> int:
    """Import a kept file, all of it or none; returns how many customers."""

    def work() -> int:
        kept = db.read_import(conn, import_id)
        if kept.imported_at or db.find_imported(conn, kept.sha256):
            raise db.ImportedAlreadyError(kept.file_name)
        content = open_file(kept, secret_key)
        checked = check_file(conn, content, sellers, secret_key=secret_key, now=now)
        if checked.problem_count or not checked.customers:
            raise ImportRefusedError(checked.problem_count)
        # First, so that the same file at the same moment waits here and then ends.
        db.finish_import(conn, kept, len(checked.customers), now=now)
        note = f"import {import_id}"
        db.insert_customers(conn, checked.customers, actor=actor, note=note, now=now)
        told = f"{note}: {kept.file_name}, {len(checked.customers)}"
        log_operator_event(
            conn, at=now, actor=actor, what="customers imported", note=told
        )
        return len(checked.customers)

    return in_transaction(conn, work)


def _draft(
    row: Row,
    packages: Mapping[str, Package],
    profiles: Mapping[str, Profile],
    sellers: Sellers,
    secret_key: bytes,
    now: datetime,
) -> tuple[NewCustomer, Decimal] | Problem:
    cells = row.cells
    for problem in _unknown(row, packages, profiles, sellers):
        return problem
    package, profile = packages[cells["package"]], profiles.get(cells["profile"] or "")
    operator = cells["operator"]
    registration = Registration(
        username=cells["username"],
        password=cells["password"] or None,
        package=package.name,
        name=cells["name"],
        mobile=cells["mobile"],
        mail=cells["mail"],
        language=cells["language"],
        kind=cells["kind"],
        special_price=cells["special_price"],
        discount_percent=cells["discount"],
        framed_ip=cells["static_ip"],
        mac_binding=cells["mac"],
        sessions_allowed=cells["sessions"],
        zone=cells["zone"],
        address=cells["address"],
        comment=cells["comment"],
    )
    try:
        customer = draft_customer(
            registration,
            package,
            profile,
            sellers.ids[operator] if operator else sellers.default,
            secret_key=secret_key,
            now=now,
        )
    except PasswordError as error:
        return Problem(row.line, "password", str(error))
    except CustomerError as error:
        column = "username" if cells["password"] else "password"
        return Problem(row.line, column, str(error))
    except ChangeError as error:
        return Problem(row.line, "special_price", str(error))
    except KindError as error:
        column = "profile" if profile is not None else "kind"
        return Problem(row.line, column, str(error))
    return customer, cells["credit_limit"]


def _note_address(checked: Checked, row: Row, lines: dict[str, int]) -> None:
    """Note whose a static address is to be; refuse it to a second one."""
    address = row.cells["static_ip"]
    if address is None:
        return
    if address in lines:
        told = f"{address} stands in line {lines[address]}, too"
        checked.add(Problem(row.line, "static_ip", told))
    else:
        lines[address] = row.line


def _unknown(
    row: Row,
    packages: Mapping[str, Package],
    profiles: Mapping[str, Profile],
    sellers: Sellers,
) -> Iterator[Problem]:
    """Name what a row speaks of and is not there (or not his)."""
    package = packages.get(row.cells["package"])
    if package is None:
        told = f"there is no package {row.cells['package']!r}"
        yield Problem(row.line, "package", told)
    elif package.is_withdrawn:
        yield Problem(row.line, "package", f"{package.name!r} is not sold any more")
    profile, operator = row.cells["profile"], row.cells["operator"]
    if profile is not None and profile not in profiles:
        yield Problem(row.line, "profile", f"there is no billing profile {profile!r}")
    if operator is not None and operator not in sellers.ids:
        yield Problem(row.line, "operator", f"there is no operator {operator!r}")
    if not sellers.may_discount:
        yield from _given_away(row, package, profiles.get(profile or ""))


def _given_away(
    row: Row, package: Package | None, profile: Profile | None
) -> Iterator[Problem]:
    """Name what lets a customer pay less than his package costs, or later."""
    told = "you may not give discounts: leave it empty"
    for column in ("special_price", "discount", "credit_limit"):
        if row.cells[column]:
            yield Problem(row.line, column, told)
    if package is not None and package.billing == FREE:
        yield Problem(
            row.line, "package", f"{package.name!r} is free: not yours to give"
        )
    if profile is not None and profile.billing_type == FREE:
        yield Problem(
            row.line, "profile", f"{profile.name!r} is free: not yours to give"
        )


def _seal(secret_key: bytes, content: bytes) -> bytes:
    nonce = os.urandom(_NONCE_OCTETS)
    return nonce + AESGCM(secret_key).encrypt(nonce, content, _PURPOSE)
