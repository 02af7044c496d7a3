"""Find the sentences by which the rules refuse something; pure.

A method of Babel's, for `bin/translations`. The rules speak English and know of no
languages; what their errors say is gathered here, each expression in it a placeholder,
so that `web/refusals.py` can say it in the reader's language.
"""

import ast
import re
from collections.abc import Collection, Iterator
from typing import IO

#: Raised where a program is wrong, not a person; nobody reads them on a page.
_NOT_FOR_PEOPLE = {"ValueError", "TypeError", "TimeoutError", "SystemExit"}

#: Where something is filled into a message.
PLACE = re.compile(r"%\(([a-z_0-9]+)\)s")

Message = tuple[int, str | None, str, list[str]]


def sentences(
    file: IO[bytes],
    _keywords: Collection[str],
    _comment_tags: Collection[str],
    options: dict[str, str],
) -> Iterator[Message]:
    """Yield what errors say, and the parts that are put into them."""
    tree = ast.parse(file.read())
    for node in tree.body:
        if isinstance(node, ast.Assign | ast.AnnAssign):
            yield from _constants(node.value)
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef):
            said = list(_said_in(function))
            yield from (m for one in said for m in _texts(one))
            named = {name for one in said for name in _names(one)}
            for part in ast.walk(function):
                if isinstance(part, ast.Assign) and named & _targets(part):
                    yield from _texts(part.value)


def _constants(value: ast.expr | None) -> Iterator[Message]:
    """Look into a dict of reasons."""
    if isinstance(value, ast.Dict):
        for one in value.values:
            yield from _texts(one)


def _said_in(function: ast.FunctionDef) -> Iterator[ast.expr]:
    """Yield the arguments of the errors and problems that a function makes."""
    for node in ast.walk(function):
        made = node.exc if isinstance(node, ast.Raise) else node
        if not isinstance(made, ast.Call):
            continue
        name = ast.unparse(made.func)
        is_raised = isinstance(node, ast.Raise) and name not in _NOT_FOR_PEOPLE
        if is_raised or name in ("super().__init__", "Problem"):
            yield from made.args
            yield from (keyword.value for keyword in made.keywords)


def _texts(node: ast.expr) -> Iterator[Message]:
    if isinstance(node, ast.IfExp):
        yield from _texts(node.body)
        yield from _texts(node.orelse)
        return
    text = _template(node)
    if text is not None and _is_sentence(text):
        yield node.lineno, None, text, []


def _is_sentence(text: str) -> bool:
    """Tell words from a code, and from what is filled in between two marks."""
    words = PLACE.sub("", text)
    return " " in text.strip() and re.search(r"[A-Za-z]{2}", words) is not None


def _template(node: ast.expr) -> str | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value.replace("%", "%%")
    if not isinstance(node, ast.JoinedStr):
        return None
    parts: list[str] = []
    taken: set[str] = set()
    for part in node.values:
        if isinstance(part, ast.Constant):
            parts.append(str(part.value).replace("%", "%%"))
        elif isinstance(part, ast.FormattedValue):
            parts.append(f"%({_placeholder(part.value, taken)})s")
    return "".join(parts)


def _placeholder(value: ast.expr, taken: set[str]) -> str:
    """Name an expression by its last word: bill.name is name, the next is name_2."""
    words = re.findall(r"[a-z][a-z_]+", ast.unparse(value).lower())
    word = words[-1].strip("_") if words else "value"
    name, count = word, 1
    while name in taken:
        count += 1
        name = f"{word}_{count}"
    taken.add(name)
    return name


def _names(node: ast.expr) -> set[str]:
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}


def _targets(node: ast.Assign) -> set[str]:
    return {target.id for target in node.targets if isinstance(target, ast.Name)}
