"""What the demo saw, row by row, and whether it was so."""

from dataclasses import dataclass, field

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Row:
    """One thing that had to happen, and what the database or the wire said of it."""

    step: str
    expected: str
    seen: str

    @property
    def is_true(self) -> bool:
        """Tell whether it happened."""
        return self.expected == self.seen


@dataclass(slots=True)
class Report:
    """The rows so far; told as they come."""

    console: Console
    rows: list[Row] = field(default_factory=list)

    def check(self, step: str, expected: object, seen: object) -> None:
        """Note what was expected and what was seen."""
        row = Row(step, str(expected), str(seen))
        self.rows.append(row)
        mark = "[green]✓[/green]" if row.is_true else "[red]✗[/red]"
        self.console.print(f"  {mark} {step}: {row.seen}")
        if not row.is_true:
            self.console.print(f"    [red]expected {row.expected}[/red]")

    def heading(self, text: str) -> None:
        """Begin a part."""
        self.console.print(f"\n[bold]{text}[/bold]")

    @property
    def is_true(self) -> bool:
        """Tell whether every row is true."""
        return bool(self.rows) and all(row.is_true for row in self.rows)

    def show(self) -> None:
        """Show all rows as a table."""
        table = Table("step", "expected", "seen", "", header_style="bold")
        for row in self.rows:
            mark = "[green]true[/green]" if row.is_true else "[red]NOT TRUE[/red]"
            table.add_row(row.step, row.expected, row.seen, mark)
        self.console.print()
        self.console.print(table)
