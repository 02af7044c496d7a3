"""Lists: filters in the address, pages by key, the same rows for screen and export."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Generic, TypeVar

from flask import abort, request, url_for

Row = TypeVar("Row")

PAGE_SIZES = (25, 50, 100, 200)
PAGE_SIZE = 50
_OF_PAGING = ("after", "rows")


@dataclass(frozen=True, slots=True)
class Slice(Generic[Row]):
    """A page of a list."""

    rows: Sequence[Row]
    #: Address of the next page; None = this is the last.
    older: str | None
    #: Address of the first page; None = this is it.
    newest: str | None


def page_size() -> int:
    """Return how many rows a page has, as its address says."""
    asked = request.args.get("rows", "")
    return int(asked) if asked.isdecimal() and int(asked) in PAGE_SIZES else PAGE_SIZE


def cut(rows: Sequence[Row], key: str | None, size: int) -> "Slice[Row]":
    """Make a page of rows that were asked for with one too many.

    `key` is the address form of the last row that is shown: where the next page begins.
    """
    return part(rows[:size], key if len(rows) > size else None)


def part(rows: Sequence[Row], key: str | None) -> "Slice[Row]":
    """Make a page of rows; `key` is where the next page begins, None = this is all."""
    older = here(after=key) if key else None
    newest = here(after=None) if "after" in request.args else None
    return Slice(rows, older, newest)


def here(**changes: str | None) -> str:
    """Return this page's address with some arguments changed (None = without)."""
    arguments: dict[str, list[str]] = {
        name: values for name, values in request.args.lists() if name not in changes
    }
    for name, value in changes.items():
        if value is not None:
            arguments[name] = [value]
    return url_for(str(request.endpoint), **(request.view_args or {}), **arguments)  # type: ignore[arg-type]


def there(endpoint: str, **values: object) -> str:
    """Return another page's address with this one's filter."""
    filter_ = {
        name: given
        for name, given in request.args.lists()
        if name not in _OF_PAGING and any(given)
    }
    return url_for(endpoint, **{**filter_, **values})  # type: ignore[arg-type]


def is_filtered() -> bool:
    """Tell whether the address leaves anything out."""
    return any(
        any(values) for name, values in request.args.lists() if name not in _OF_PAGING
    )


def after_id() -> int | None:
    """Return the id that this page begins after."""
    text = request.args.get("after")
    if not text:
        return None
    if not text.isdecimal() or len(text) > 18:
        abort(400)
    return int(text)


def after_time_and_id() -> tuple[datetime, int] | None:
    """Return the (time, id) that this page begins after."""
    text = request.args.get("after")
    if not text:
        return None
    micros, _, number = text.partition("-")
    is_key = micros.isdecimal() and number.isdecimal()
    if not is_key or len(micros) > 18 or len(number) > 18:
        abort(400)
    seconds, rest = divmod(int(micros), 10**6)
    try:
        return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest), int(
            number
        )
    except (OverflowError, ValueError, OSError):
        abort(400)


def time_and_id(moment: datetime, number: int) -> str:
    """Write a (time, id) for an address."""
    whole = int(moment.replace(microsecond=0).timestamp())
    return f"{whole * 10**6 + moment.microsecond}-{number}"
