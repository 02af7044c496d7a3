"""A progress bar for who looks at a terminal."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import Progress


@contextmanager
def progress_bar(
    what: str, total: int, *, wanted: bool = True
) -> Iterator[Callable[[int], None]]:
    """Show how far a long command is; where stdout is no terminal, nothing at all.

    Asked of stdout itself: rich also takes a pipe for a terminal where FORCE_COLOR or
    the like is set, and a script would have to read past the bar.
    """
    if not wanted or not sys.stdout.isatty():
        yield lambda _: None
        return
    with Progress() as bar:
        task = bar.add_task(what, total=total)
        yield lambda count: bar.advance(task, count)
