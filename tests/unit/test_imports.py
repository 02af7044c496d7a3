"""Imports go one way, and rules know neither a database nor the time of day."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import billing_core

ROOT = Path(billing_core.__file__).parent
REPOSITORY = ROOT.parent
PURE = (
    "access",
    "accounting",
    "allocation",
    "billing_terms",
    "bills",
    "cards",
    "changes",
    "channels",
    "charging",
    "civil_dates",
    "customer_csv",
    "cycles",
    "decisions",
    "errors",
    "fair_use",
    "kinds",
    "ledger",
    "mac_addresses",
    "measures",
    "money",
    "networks",
    "payments",
    "permissions",
    "profile_preview",
    "proration",
    "quotes",
    "reminders",
    "routeros",
    "service_days",
    "session_matching",
    "spreadsheets",
    "stored_answers",
    "suspension",
    "taka",
    "tariff",
    "vat",
)
# What a pure module may not know: drivers, servers, the machine and the clock.
IMPURE = {
    "psycopg",
    "flask",
    "radiusd",
    "os",
    "time",
    "socket",
    "subprocess",
    "random",
    "secrets",
    "sqlalchemy",
    "alembic",
    "click",
    "pyrad",
    "asyncio",
    "threading",
    "logging",
}
CLOCK_CALLS = {"now", "utcnow", "today", "time", "monotonic", "localtime", "gmtime"}


def modules(*folders: str) -> list[Path]:
    return sorted(p for folder in folders for p in (REPOSITORY / folder).rglob("*.py"))


def imports(path: Path) -> Iterator[str]:
    """Name every module that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def reaches(path: Path, *packages: str) -> list[str]:
    """Return which of these packages a file imports."""
    return [
        name
        for name in imports(path)
        if any(name == p or name.startswith(f"{p}.") for p in packages)
    ]


@pytest.mark.parametrize("name", PURE)
def test_a_pure_module_imports_only_pure_modules(name: str) -> None:
    path = ROOT / f"{name}.py"
    for module in imports(path):
        top, _, rest = module.partition(".")
        assert top not in IMPURE, f"{name} imports {module}"
        # The records that gateways answer in are as pure as any rule.
        if top == "billing_core" and not rest.startswith("gateways.contract"):
            assert rest.partition(".")[0] in PURE, f"{name} imports {module}"


@pytest.mark.parametrize("name", PURE)
def test_a_pure_module_never_reads_the_clock(name: str) -> None:
    tree = ast.parse((ROOT / f"{name}.py").read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            assert node.func.attr not in CLOCK_CALLS, ast.unparse(node)


@pytest.mark.parametrize(
    "path", modules("billing_core/db"), ids=lambda p: str(p.relative_to(REPOSITORY))
)
def test_queries_know_no_service_and_nothing_above(path: Path) -> None:
    assert not reaches(
        path,
        "billing_core.services",
        "billing_core.cli",
        "billing_core.worker",
        "billing_core.scheduler",
        "billing_core.stack",
        "radius_module",
        "simulators",
        "web",
        "flask",
    )


@pytest.mark.parametrize(
    "path",
    modules("billing_core/services"),
    ids=lambda p: str(p.relative_to(REPOSITORY)),
)
def test_services_know_nothing_above_them(path: Path) -> None:
    assert not reaches(
        path,
        "billing_core.cli",
        "billing_core.worker",
        "billing_core.scheduler",
        "billing_core.stack",
        "radius_module",
        "simulators",
        "web",
        "flask",
        "click",
    )


@pytest.mark.parametrize(
    "path", modules("billing_core"), ids=lambda p: str(p.relative_to(REPOSITORY))
)
def test_billing_core_knows_neither_flask_nor_the_radius_server(path: Path) -> None:
    assert not reaches(path, "flask", "radiusd", "web")


def test_only_one_module_knows_the_radius_server() -> None:
    knowing = [p.name for p in modules("radius_module") if reaches(p, "radiusd")]
    assert knowing == ["module.py"]


@pytest.mark.parametrize(
    "path", modules("billing_core"), ids=lambda p: str(p.relative_to(REPOSITORY))
)
def test_every_module_says_what_it_is(path: Path) -> None:
    if path.stat().st_size:
        assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize(
    "path",
    [p for p in modules("billing_core/gateways") if p.name != "registry.py"],
    ids=lambda p: str(p.relative_to(REPOSITORY)),
)
def test_a_gateway_knows_its_api_and_nothing_else_of_ours(path: Path) -> None:
    own = path.relative_to(ROOT / "gateways").parts[0].removesuffix(".py")
    known = ("money", "errors", "gateways.contract", f"gateways.{own}")
    for module in imports(path):
        top, _, rest = module.partition(".")
        assert top != "psycopg", module
        if top == "billing_core" and rest != "gateways":
            assert any(rest == k or rest.startswith(f"{k}.") for k in known), module
