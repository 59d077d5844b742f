"""Why something was refused, said in another language: the code speaks English, the words lie in `gateway/words/`.

A reason is a text made where the fault was found (`code list units (1) has no code XQZ`). `reasons.<language>.toml`
gives each such text with `{}` for what is filled in; what fills it is never read as a reason unless the words say so
(`{*}`).
"""

from __future__ import annotations

import re
import tomllib
from functools import cache
from importlib import resources
from typing import Final

from gateway.model import LANGUAGES, Language

_SLOT: Final = re.compile(r"\{(?P<number>[0-9]?)(?P<reason>\*?)\}")
_HOLE: Final = "{}"
Entry = tuple[re.Pattern[str], str]


def in_language(reason: str, language: Language) -> str:
    """The reason in a language; as it is in English, or where nobody has translated it. Never raises."""
    if not reason or language == LANGUAGES[0]:
        return reason
    for pattern, said in _book(language):
        found = pattern.fullmatch(reason)
        if found is not None:
            return _filled(said, found.groups(), language)
    return reason


def known(language: Language) -> dict[str, str]:
    """Every reason that has words in a language, with `{}` for what is filled in."""
    text = resources.files("gateway").joinpath("words", f"reasons.{language}.toml").read_text(encoding="utf-8")
    return {key: str(said) for key, said in tomllib.loads(text).items()}


@cache
def _book(language: Language) -> tuple[Entry, ...]:
    """Those with most words of their own first: `unknown: {}` would take much that is said more exactly."""
    by_words = sorted(known(language).items(), key=lambda entry: len(entry[0].replace(_HOLE, "")), reverse=True)
    return tuple((re.compile("(.*?)".join(map(re.escape, key.split(_HOLE))), re.S), said) for key, said in by_words)


def _filled(said: str, values: tuple[str, ...], language: Language) -> str:
    """The slots without a number take the values in their order."""
    order = iter(range(len(values)))

    def slot(found: re.Match[str]) -> str:
        at = int(found["number"]) if found["number"] else next(order)
        return in_language(values[at], language) if found["reason"] else values[at]

    return _SLOT.sub(slot, said)
