"""Say the periods that stand in the lines of bills in Bangla; pure."""

import re
from collections.abc import Callable
from datetime import date

# As cycles.period_text writes them, in English, when a bill is issued.
_MOMENT = r"([0-9]{4}-[0-9]{2}-[0-9]{2})( [0-9]{2}:[0-9]{2})?"
_PERIOD = re.compile(rf"\b{_MOMENT} to {_MOMENT}")


def in_bangla(text: str, write: Callable[[date, str], str]) -> str:
    """Say the periods of a line in Bangla; write is given a day and the time on it."""

    def say(found: re.Match[str]) -> str:
        first, began, last, ended = found.groups(default="")
        since, until = date.fromisoformat(first), date.fromisoformat(last)
        return f"{write(since, began)} থেকে {write(until, ended)} পর্যন্ত"

    return _PERIOD.sub(say, text)
