"""Reads the `convert` cell of a mapping row: what happens to a value on its way, step by step."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_STEP: Final = re.compile(
    r"\s*(?P<back>back:)?(?:code:(?P<codes>[^\s|()]+)|(?P<name>[^\W\d][\w.-]*)(?:\((?P<args>.*?)\))?)\s*(?:\||$)", re.S
)
_SPLIT_ARGS: Final = re.compile(r"(?P<sep>.+?),\s*(?P<part>[1-9][0-9]?)(?:,\s*(?P<of>[1-9][0-9]?))?", re.S)
EACH: Final = "each"
CONST: Final = "const"
CODE: Final = "code"
DROP: Final = "drop"
COPY: Final = "copy"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of a chain: `name` with the text between its parentheses; `back` = the other way round."""

    name: str
    args: str = ""
    back: bool = False

    @property
    def text(self) -> str:
        """The step as it is written in a table."""
        if self.name in (CODE, CONST):
            body = f"{self.name}:{self.args}"
        else:
            body = f"{self.name}({self.args})" if self.args else self.name
        return f"back:{body}" if self.back else body


def read_chain(cell: str) -> tuple[Step, ...]:
    """The steps of a `convert` cell; none for an empty cell or `copy`. Raises ValueError for what is no chain."""
    text = cell.strip()
    if text.startswith("const:"):
        return (Step(name=CONST, args=text.removeprefix("const:")),)
    steps: list[Step] = []
    at = 0
    while at < len(text):
        match = _STEP.match(text, at)
        if match is None:
            raise ValueError(f"not understood: {text[at : at + 40]}")
        steps.append(_step(match))
        at = match.end()
    if text.endswith("|"):
        raise ValueError("a converter is missing after the last |")
    _check_alone(steps)
    return tuple(step for step in steps if step.name != COPY)


def _step(match: re.Match[str]) -> Step:
    back = match["back"] is not None
    if match["codes"] is not None:
        return Step(name=CODE, args=match["codes"], back=back)
    return Step(name=match["name"], args=match["args"] or "", back=back)


def _check_alone(steps: list[Step]) -> None:
    for step in steps:
        if step.name in (EACH, DROP) and (len(steps) > 1 or step.args or step.back):
            raise ValueError(f"{step.name} stands alone")


def chain_text(steps: tuple[Step, ...]) -> str:
    """A chain as it is written in a table."""
    return " | ".join(step.text for step in steps) or COPY


def unquoted(text: str) -> str:
    """An argument without the quotes that protect its spaces."""
    if len(text) > 1 and text.startswith("'") and text.endswith("'"):
        return text[1:-1].replace("''", "'")
    return text


def split_args(args: str) -> tuple[str, int, int | None]:
    """Separator, part and number of parts of `split(sep,n)` or `split(sep,n,of)`; ValueError otherwise."""
    match = _SPLIT_ARGS.fullmatch(args)
    if match is None:
        raise ValueError("write split(separator,part) or split(separator,part,of), parts counted from 1")
    part, of = int(match["part"]), int(match["of"]) if match["of"] else None
    if of is not None and part > of:
        raise ValueError(f"there is no part {part} of {of}")
    return unquoted(match["sep"]), part, of
