"""Says an XSD pattern in the words of ECMA 262, which JSON Schema speaks."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

_BLOCKS: Final[Mapping[str, str]] = {
    "IsBasicLatin": r"\u0000-\u007F",
    "IsLatin-1Supplement": r"\u0080-\u00FF",
    "IsLatinExtended-A": r"\u0100-\u017F",
    "IsLatinExtended-B": r"\u0180-\u024F",
    "IsCyrillic": r"\u0400-\u04FF",
    "IsLatinExtendedAdditional": r"\u1E00-\u1EFF",
    "IsGeneralPunctuation": r"\u2000-\u206F",
    "Cc": r"\u0000-\u001F\u007F-\u009F",
    "Cf": r"\u00AD\u0600-\u0605\u061C\u06DD\u070F\u180E\u200B-\u200F\u202A-\u202E\u2060-\u2064\u2066-\u206F\uFEFF",
    "Co": r"\uE000-\uF8FF",
    "Z": r"\u0020\u00A0\u1680\u2000-\u200A\u2028\u2029\u202F\u205F\u3000",
}
"""Blocks and categories as ranges of the first plane; the few signs beyond it are left to the XSD."""
_TOKEN: Final = re.compile(r"\\p\{(?P<block>[^}]*)\}|\\(?P<escape>.)|(?P<plain>.)", re.S)
_SPACE: Final = r" \t\n\r"
_ALIKE: Final = frozenset("nrt\\|.-^?*+{}()[]$")
"""Escapes that mean the same in both."""


class _Untranslatable(Exception):
    """The pattern uses what ECMA 262 cannot say in this place."""


def ecma(pattern: str) -> str:
    """The same pattern without anchors; empty for one that cannot be said (`\\i`, `\\c`, subtraction, unknown blocks).

    XSD's `\\s` is four characters and its `.` stops at line ends only; in ECMA 262 both mean more or less than that.
    `^` and `$` are ordinary characters in XSD.
    """
    whole = pattern.replace(r"[\s\S]", "\0")
    said: list[str] = []
    inside = False
    try:
        for token in _TOKEN.finditer(whole):
            said.append(_said(token, inside, whole))
            if token["plain"] in ("[", "]"):
                inside = token["plain"] == "["
    except _Untranslatable:
        return ""
    return "".join(said).replace("\0", r"[\s\S]")


def _said(token: re.Match[str], inside: bool, whole: str) -> str:
    if token["block"] is not None:
        block = _BLOCKS.get(token["block"])
        if block is None:
            raise _Untranslatable
        return block if inside else f"[{block}]"
    if token["escape"]:
        return _escape(token["escape"], inside)
    plain = token["plain"]
    if inside:
        if plain == "[":
            raise _Untranslatable
        return "\\^" if plain == "^" and whole[token.start() - 1] != "[" else plain
    return {".": r"[^\n\r]", "^": r"\^", "$": r"\$"}.get(plain, plain)


def _escape(letter: str, inside: bool) -> str:
    if letter in _ALIKE:
        return "\\" + letter
    if letter == "s":
        return _SPACE if inside else f"[{_SPACE}]"
    if letter == "S" and not inside:
        return f"[^{_SPACE}]"
    raise _Untranslatable
