"""Charts: what a page hands to static/charts.js, and the table beside each."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Series:
    """One line or set of bars."""

    label: str
    values: Sequence[float]
    #: good | bad | plain: which colour of the page's.
    tone: str = "plain"


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart over moments, with the rows of its table."""

    title: str
    #: bars | lines
    form: str
    #: Unix seconds of each point.
    moments: Sequence[int]
    series: Sequence[Series]
    #: hour | day: how the axis tells moments.
    step: str
    #: The table: its head and rows, written out for people.
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    #: money | number | octets
    unit: str = "number"

    def as_data(self, zone: str, language: str) -> dict[str, Any]:
        """Return what the script draws from."""
        return {
            "form": self.form,
            "step": self.step,
            "unit": self.unit,
            "zone": zone,
            "language": language,
            "moments": list(self.moments),
            "moment": self.head[0],
            "series": [
                {"label": s.label, "values": list(s.values), "tone": s.tone}
                for s in self.series
            ],
        }
