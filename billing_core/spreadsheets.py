"""What a spreadsheet does with a text; pure."""

# What it takes for the beginning of a formula (OWASP, CSV Injection).
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # noqa: RUF001 - these too


def safe_cell(text: str) -> str:
    """Write a text so that no spreadsheet runs it as a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def plain_cell(text: str) -> str:
    """Take off the mark that keeps a spreadsheet from running a text."""
    return text[1:] if text[:1] == "'" and text[1:].startswith(_FORMULA) else text
