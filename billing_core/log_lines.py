"""Write the log one event a line, whatever stands in it."""

import logging
import unicodedata


class LineFormatter(logging.Formatter):
    """Show what would begin a new line, or steer a terminal, instead of doing it.

    A username or a gateway's words can hold line ends: with one of them anybody could
    write lines that look like ours. A traceback keeps its lines.
    """

    def formatMessage(self, record: logging.LogRecord) -> str:
        """Return the line of an event."""
        text = super().formatMessage(record)
        if text.isprintable():
            return text
        return "".join(map(_shown, text))


def _shown(character: str) -> str:
    # Cc, Cf and line and paragraph separators; letters and spaces of any script stay.
    if unicodedata.category(character) in ("Cc", "Cf", "Zl", "Zp", "Cs"):
        return character.encode("unicode_escape").decode("ascii")
    return character
