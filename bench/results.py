"""Figures of one measure, what they are held against, and how they are shown."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from statistics import median

from rich.console import Console
from rich.table import Table

from bench.machine import FOREIGN_BUSY_MAX, Quiet


@dataclass(slots=True)
class Series:
    """One figure, measured several times."""

    label: str
    unit: str
    values: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        """The middle value."""
        return median(self.values)

    def cells(self) -> tuple[str, ...]:
        """Return label, unit, min, median, max and how often, as text."""
        shown = (min(self.values), self.median, max(self.values))
        return (self.label, self.unit, *map(_number, shown), str(len(self.values)))


@dataclass(frozen=True, slots=True)
class Check:
    """A value and the bound that it is held against."""

    claim: str
    value: float
    bound: float
    #: Whether the bound is the least or the most that is allowed.
    is_least: bool

    @property
    def passes(self) -> bool:
        """Tell whether the value keeps to its bound."""
        return self.value >= self.bound if self.is_least else self.value <= self.bound

    def cells(self, quiet: Quiet) -> tuple[str, ...]:
        """Return claim, value, bound and verdict, as text."""
        sign = "≥" if self.is_least else "≤"
        verdict = "PASS" if self.passes else "SHORT"
        if not quiet.allows_a_verdict:
            verdict = "none: others busy"
        return (
            self.claim,
            _number(self.value),
            f"{sign} {_number(self.bound)}",
            verdict,
        )


#: Heads and rows, for figures that have a form of their own.
Figures = tuple[tuple[str, ...], list[tuple[str, ...]]]


@dataclass(slots=True)
class Result:
    """One measure."""

    title: str
    series: list[Series]
    checks: list[Check]
    quiet: Quiet
    notes: list[str] = field(default_factory=list)
    tables: list[Figures] = field(default_factory=list)
    #: What could not be measured, and why: the bench ends with an error.
    failed: list[str] = field(default_factory=list)


def at_least(claim: str, value: float, bound: float) -> Check:
    """Hold a value against a lower bound."""
    return Check(claim, value, bound, is_least=True)


def at_most(claim: str, value: float, bound: float) -> Check:
    """Hold a value against an upper bound."""
    return Check(claim, value, bound, is_least=False)


def percentile(values: Iterable[float], percent: float) -> float:
    """Return the value that so many percent of the values do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


def show(console: Console, result: Result) -> None:
    """Print one measure to a terminal."""
    for heads, rows in _tables(result):
        table = Table(*heads, title=result.title, title_justify="left")
        for row in rows:
            table.add_row(*row)
        console.print(table)
    for note in _notes(result):
        console.print(f"  {note}", highlight=False)


def markdown(results: Sequence[Result], facts: Sequence[tuple[str, str]]) -> str:
    """Write all measures as Markdown."""
    lines = ["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in facts)]
    for result in results:
        lines += ["", f"### {result.title}"]
        for heads, rows in _tables(result):
            lines += ["", _row(heads), _row(["---"] * len(heads)), *map(_row, rows)]
        lines += ["", *(f"* {note}" for note in _notes(result))]
    return "\n".join(lines) + "\n"


_SERIES_HEADS = ("figure", "unit", "min", "median", "max", "runs")
_CHECK_HEADS = ("target", "measured", "bound", "verdict")


def _tables(result: Result) -> list[Figures]:
    tables: list[Figures] = [
        (_SERIES_HEADS, [s.cells() for s in result.series if s.values])
    ]
    if result.checks:
        tables.append((_CHECK_HEADS, [c.cells(result.quiet) for c in result.checks]))
    return tables + result.tables


def _notes(result: Result) -> list[str]:
    quiet = result.quiet
    notes = [*result.notes, *(f"FAILED: {one}" for one in result.failed)]
    notes.append(
        f"Others kept {quiet.typical:.0%} of the processors busy during our runs"
        f" (median; at worst {quiet.worst:.0%})."
    )
    if not quiet.allows_a_verdict:
        notes.append(
            f"No verdict: it is given only when that is at most {FOREIGN_BUSY_MAX:.0%}."
        )
    return notes


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _number(value: float) -> str:
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.2f}" if abs(value) >= 1 else f"{value:.3f}"
