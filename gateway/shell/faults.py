"""What is wrong in a file of settings or a record of a partner, in our own words: where, what, and what is allowed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from difflib import get_close_matches
from typing import Any, Final, get_args

from pydantic import BaseModel, ValidationError

from gateway.errors import Finding

SAID: Final[Mapping[str, str]] = {
    "missing": "it must be said, and is not",
    "bool": "true or false is needed",
    "float": "a number is needed",
    "finite_number": "a number is needed",
    "int": "a whole number is needed",
    "string": "a text is needed, in quotes",
    "path": "the name of a file or folder is needed, in quotes",
    "list": "a list is needed, in [ and ]",
    "set": "a list is needed, in [ and ]",
    "dict": "a table is needed, with names and values",
    "model": "a table is needed, with names and values",
    "greater_than": "it must be more than {gt}",
    "greater_than_equal": "it must be {ge} or more",
    "less_than": "it must be less than {lt}",
    "less_than_equal": "it must be {le} or less",
    "literal": "it must be one of: {allowed}",
    "string_pattern_mismatch": "it must be of the form {pattern}",
}
"""By the kind of problem; of `int_parsing`, `int_type` and their like by the word before."""
OTHERWISE: Final = "it cannot be used here"
UNKNOWN: Final = "nothing is called so here"
MEANT: Final = "nothing is called so here; did you mean {}?"
SECRET: Final = frozenset({"database_url"})
"""What may hold a password is not shown."""


def findings_of(error: ValidationError, model: type[BaseModel], place: Callable[[str], str]) -> tuple[Finding, ...]:
    """One finding (`config.value`) for each problem; `place` names the file, or whatever holds a key."""
    return tuple(
        Finding(
            rule="config.value",
            params={"file": place(key), "key": key, "reason": _reason(problem, model, names)},
            value="" if key in SECRET or problem["type"] == "missing" else str(problem.get("input", ""))[:200],
        )
        for problem, names in _problems(error, model)
        for key in [".".join(names)]
    )


def _problems(error: ValidationError, model: type[BaseModel]) -> Iterator[tuple[Mapping[str, Any], list[str]]]:
    """Each problem with the names that lead to it. Where one of two kinds is allowed, that which is nearest counts."""
    told = error.errors(include_url=False)
    tables = {one.__name__ for one in _models(model)}
    inside = {tuple(one["loc"][:-1]) for one in told if tables.intersection(map(str, one["loc"][:-1]))}
    for problem in told:
        where = tuple(problem["loc"])
        if where[-1:] == ("str",) and any(one[: len(where) - 1] == where[:-1] for one in inside):
            continue
        yield problem, [str(part) for part in where if part not in tables and part != "str"]


def _reason(problem: Mapping[str, Any], model: type[BaseModel], names: list[str]) -> str:
    kind, filled = str(problem["type"]), dict(problem.get("ctx", {}))
    if kind == "value_error":
        return str(filled["error"])
    if kind == "extra_forbidden":
        meant = get_close_matches(names[-1], _names(model, names[:-1]), 1)
        return MEANT.format(meant[0]) if meant else UNKNOWN
    if kind == "literal_error":
        filled["allowed"] = ", ".join(re.findall("'([^']*)'", str(filled["expected"])))
    words = SAID.get(kind) or SAID.get(kind.partition("_")[0]) or OTHERWISE
    return words.format(**{name: _plain(value) for name, value in filled.items()})


def _plain(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) and value.is_integer() else str(value)


def _names(model: type[BaseModel], path: list[str]) -> list[str]:
    """What a table may hold."""
    for name in path:
        field = model.model_fields.get(name)
        model = next(iter(_tables(field.annotation)), model) if field else model
    return list(model.model_fields)


def _models(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    yield model
    for field in model.model_fields.values():
        for one in _tables(field.annotation):
            yield from _models(one)


def _tables(annotation: Any) -> list[type[BaseModel]]:
    kinds = get_args(annotation) or (annotation,)
    return [one for one in kinds if isinstance(one, type) and issubclass(one, BaseModel)]
