"""Takes persons and firms out of documents: the same value always becomes the same other value of the same form.

Numbers of operators (BIN, IIN) become other well-formed numbers wherever they stand; so do the business keys of the
messages (permits, declarations, containers, foreign TINs): their last group of digits changes, and a check digit or a
day in them still holds. Texts of the elements named in `PERSONAL` become texts of the same length, script and case,
everywhere they stand alone. Free text that mentions a name inside a sentence is not found.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable, Mapping
from itertools import count
from typing import Final

from lxml import etree

from gateway.codes.numbers import Check, check_container, check_declaration, check_tin
from gateway.identifiers import check_kz_number, kz_check_digit
from gateway.xml import Element, parse, tag_of, text_of

PERSONAL: Final = frozenset(
    {
        "Name", "LatinName", "Line", "CityName", "PostcodeID", "nameLocal", "nameEn", "addrText", "city", "zip",
        "Наименование",
    }
)  # fmt: skip
"""Local names whose text says who somebody is or where."""
_NAMED: Final = re.compile(
    "(Given|Family|Middle|Full|First|Last|Person|Company|Short|Latin)Name|[A-Za-z]*Address|addr|Имя|ФИО|"
    "Наименование\\w*|Адрес\\w*|Мекенжай\\w*"
)
"""More of them, by the words they are made of."""
_SHORTEST: Final = 3
_SERIAL: Final = re.compile(r"[0-9]{3,}(?=[^0-9]*$)")
"""The last group of digits of a business key that is long enough to tell one from another."""
_JOINT: Final = re.compile("[^0-9A-Za-zА-яЁё]+")
_CHECKS: Final[Mapping[str, Check]] = {
    "container": check_container, "declaration": check_declaration, "tin": check_tin,
}  # fmt: skip
_MOST_TRIES: Final = 5_000
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
        self._keys: dict[str, str] = {}

    def learn_keys(self, pairs: Iterable[tuple[str, str]]) -> None:
        """Note business keys as (scheme, value), so that they are replaced wherever they stand, in longer texts too.

        One inside another, as a declaration in the id of an operation, is the same in both afterwards.
        """
        for scheme, value in sorted(pairs, key=lambda pair: len(pair[1])):
            if _SERIAL.search(value) and value not in self._keys and self._numbers(value) == value:
                self._keys[value] = self._another(value, _CHECKS.get(scheme))
                self._keys.setdefault(_JOINT.sub("-", value), _JOINT.sub("-", self._keys[value]))

    def learn(self, documents: Iterable[bytes]) -> None:
        """Note every personal text of these documents, so that it is replaced in all of them."""
        for document in documents:
            for element in parse(document).iter("{*}*"):
                text = text_of(element).strip()
                if len(text) >= _SHORTEST and not _has_children(element) and self._says_who(element):
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
        """Any text with its numbers and keys replaced; a text that is a personal one as a whole is replaced."""
        return self._known.get(text) or self._numbers(text)

    def _numbers(self, text: str) -> str:
        """The text with the business keys in it replaced, the longest first, and the numbers of operators."""
        for key in sorted(self._keys, key=len, reverse=True):
            if key in text:
                return self._keys[key].join(self._numbers(part) for part in text.split(key))
        return _NUMBER.sub(lambda found: self._number(found[0]), text)

    def _says_who(self, element: Element) -> bool:
        name = tag_of(element).rpartition("}")[2]
        return name in self._personal or _NAMED.fullmatch(name) is not None

    def _another(self, value: str, check: Check | None) -> str:
        """The same key with another serial number that passes the check of its kind; unchanged where there is none."""
        for attempt in range(_MOST_TRIES):
            digest = self._digest(f"{value} {attempt}")
            other = _SERIAL.sub(lambda found: _digits(digest, len(found[0])), value)  # noqa: B023 - used at once
            if other != value and other not in self._keys.values() and (check is None or check(other) is None):
                return other
        return value

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


def _digits(digest: bytes, length: int) -> str:
    return "".join(str(digest[at % len(digest)] % 10) for at in range(length))


def _letter(letter: str, number: int) -> str:
    alphabet = next((one for one in _ALPHABETS if letter in one), None)
    if alphabet is None and "\u4e00" <= letter <= "\u9fff":
        alphabet = _ALPHABETS[-1]
    return alphabet[number % len(alphabet)] if alphabet else letter


def _has_children(element: Element) -> bool:
    return next(element.iterchildren("{*}*"), None) is not None
