"""Takes persons and firms out of documents: the same value always becomes the same other value of the same form.

Numbers of operators (BIN, IIN) become other well-formed numbers wherever they stand; texts of the elements named in
`PERSONAL` become texts of the same length, script and case, everywhere they stand alone. Free text that mentions a name
inside a sentence is not found.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable
from itertools import count
from typing import Final

from lxml import etree

from gateway.identifiers import check_kz_number, kz_check_digit
from gateway.xml import Element, parse, tag_of, text_of

PERSONAL: Final = frozenset(
    {
        "Name", "LatinName", "Line", "CityName", "PostcodeID", "nameLocal", "nameEn", "addrText", "city", "zip",
        "Наименование",
    }
)  # fmt: skip
"""Local names whose text says who somebody is or where."""
_NUMBER: Final = re.compile(r"(?<![0-9])[0-9]{12}(?![0-9])")
_ALPHABETS: Final = (
    "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz", "АБВГДЕЖЗИКЛМНОПРСТУФХЦЧШЭЮЯӘҒҚҢӨҰҮҺІ",
    "абвгдежзиклмнопрстуфхцчшэюяәғқңөұүһі", "0123456789", "甲乙丙丁戊己庚辛壬癸子丑寅卯辰巳午未申酉戌亥",
)  # fmt: skip
_MONTH: Final = slice(2, 4)
_MONTHS: Final = range(1, 13)
_KIND: Final = slice(4, 6)
"""Digits 5 and 6 of a BIN say what kind of operator it is."""


class Scrubber:
    """Replaces over many documents with one memory. `salt` makes the replacements hard to undo: keep it to yourself."""

    def __init__(self, salt: bytes, personal: Collection[str] = PERSONAL) -> None:
        self._salt = salt
        self._personal = personal
        self._known: dict[str, str] = {}

    def learn(self, documents: Iterable[bytes]) -> None:
        """Note every personal text of these documents, so that it is replaced in all of them."""
        for document in documents:
            for element in parse(document).iter("{*}*"):
                text = text_of(element).strip()
                if text and not _has_children(element) and tag_of(element).rpartition("}")[2] in self._personal:
                    self._known.setdefault(text, self._other(text))

    def scrub(self, document: bytes) -> bytes:
        """The document with everything replaced, pretty as it was."""
        root = parse(document)
        for element in root.iter("{*}*"):
            for name, value in element.attrib.items():
                element.set(str(name), self.text(str(value)))
            if not _has_children(element):
                element.text = self._leaf(text_of(element)) or None
        return etree.tostring(root, encoding="UTF-8", xml_declaration=True)

    def text(self, text: str) -> str:
        """Any text with the numbers of operators replaced; a text that is a personal one as a whole is replaced."""
        return self._known.get(text) or _NUMBER.sub(lambda found: self._number(found[0]), text)

    def _leaf(self, text: str) -> str:
        bare = text.strip()
        return text.replace(bare, self.text(bare)) if bare else text

    def _number(self, number: str) -> str:
        """Another well-formed number of the same kind; what is no BIN or IIN stays."""
        if number not in self._known:
            if not _is_operator(number):
                return number
            self._known[number] = self._operator(number)
        return self._known[number]

    def _operator(self, number: str) -> str:
        """Eleven digits from the salt, of the same kind, that have a check digit."""
        for attempt in count():
            digits = "".join(str(byte % 10) for byte in self._digest(f"{number} {attempt}")[:5])
            first = f"9901{number[_KIND]}{digits}"
            last = kz_check_digit(first)
            if last is not None and f"{first}{last}" != number:
                return f"{first}{last}"
        raise AssertionError("unreachable")

    def _other(self, text: str) -> str:
        """Each letter becomes one of its own alphabet; case variants of one text become case variants of another."""
        digest = self._digest(text.upper())
        return "".join(_letter(letter, digest[at % len(digest)]) for at, letter in enumerate(text))

    def _digest(self, text: str) -> bytes:
        return hashlib.sha512(self._salt + text.encode()).digest()


def _is_operator(number: str) -> bool:
    """Well formed, and its first four digits a year and month: a time of twelve digits is no operator."""
    try:
        check_kz_number(number)
    except ValueError:
        return False
    return int(number[_MONTH]) in _MONTHS


def _letter(letter: str, number: int) -> str:
    alphabet = next((one for one in _ALPHABETS if letter in one), None)
    if alphabet is None and "\u4e00" <= letter <= "\u9fff":
        alphabet = _ALPHABETS[-1]
    return alphabet[number % len(alphabet)] if alphabet else letter


def _has_children(element: Element) -> bool:
    return next(element.iterchildren("{*}*"), None) is not None
