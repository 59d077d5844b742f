"""The console's own words in English, Russian and Kazakh, and how it tells times, spans and sizes.

Words live in `gateway/words/console.<language>.toml`; a test says when a language lacks one.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import cache
from importlib import resources
from typing import Any, Final

from gateway.model import LANGUAGES, Language, Partner, PartnerId
from gateway.words import SEAL, Words, say

LANGUAGE_NAMES: Final[Mapping[Language, str]] = {"en": "English", "ru": "Русский", "kk": "Қазақша"}
ALMATY: Final = timezone(timedelta(hours=5), "+05")
"""All of Kazakhstan since 2024-03-01; zone tables older than that still say +06, so none is asked."""
ZONES: Final[Mapping[str, tzinfo]] = {"almaty": ALMATY, "utc": UTC}
_UNITS: Final = (("d", 86400.0), ("h", 3600.0), ("min", 60.0), ("s", 1.0))
_KILO: Final = 1024
_TEN: Final = 10


@cache
def book(language: Language) -> Mapping[str, str]:
    """Every text of a language by its dotted key."""
    text = resources.files("gateway").joinpath("words", f"console.{language}.toml").read_text("utf-8")
    return dict(_flat(tomllib.loads(text), ""))


def _flat(table: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, str]]:
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", str(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Speech:
    """One reader: language, clock zone, and now."""

    language: Language
    zone_name: str
    now: datetime
    partners: Mapping[PartnerId, Partner]

    def __call__(self, key: str, **slots: object) -> str:
        """The text of a key with its slots filled. A key without words is an error of ours: KeyError."""
        text = book(self.language)[key]
        return text.format(**slots) if slots else text

    def known(self, key: str, otherwise: str) -> str:
        """The text of a key that may have none."""
        return book(self.language).get(key, otherwise)

    @property
    def zone(self) -> str:
        """The zone as people write it."""
        return self(f"zone.{self.zone_name}")

    def local(self, at: datetime) -> datetime:
        """The same instant on the reader's clock."""
        return at.astimezone(ZONES[self.zone_name])

    def time(self, at: datetime) -> str:
        """Day, time to the second and offset."""
        local = self.local(at)
        offset = "UTC" if self.zone_name == "utc" else "+05"
        return f"{local:%Y-%m-%d %H:%M:%S} {offset}"

    def clock(self, at: datetime) -> str:
        """Time to the second; the list's head tells the zone."""
        return f"{self.local(at):%H:%M:%S}"

    def day(self, at: datetime) -> str:
        """The day when it is not today; empty today."""
        local = self.local(at)
        return "" if local.date() == self.local(self.now).date() else f"{local:%Y-%m-%d}"

    def span(self, seconds: float) -> str:
        """A length of time with one unit, two digits at most where that is enough."""
        if seconds < 1:
            return f"{self.number(seconds * 1000)} {self('unit.ms')}"
        for name, size in _UNITS:
            if seconds >= size:
                return f"{self.number(seconds / size)} {self(f'unit.{name}')}"
        return f"0 {self('unit.s')}"

    def number(self, value: float) -> str:
        """Short, with the language's decimal sign."""
        text = f"{value:.1f}" if abs(value) < _TEN and value != int(value) else f"{value:.0f}"
        text = text.removesuffix(".0")
        return text if self.language == "en" else text.replace(".", ",")

    def ago(self, at: datetime) -> str:
        """How long before now."""
        return self("time.ago", span=self.span(max(0.0, (self.now - at).total_seconds())))

    def until(self, at: datetime) -> str:
        """How long from now; `now` when it has passed."""
        left = (at - self.now).total_seconds()
        return self("time.in", span=self.span(left)) if left > 0 else self("time.now")

    def between(self, start: datetime, end: datetime) -> str:
        """From one instant to another."""
        return self.span(max(0.0, (end - start).total_seconds()))

    def size(self, octets: int) -> str:
        """Bytes for people."""
        if octets < _KILO:
            return f"{octets} {self('unit.byte')}"
        kilos = octets / _KILO
        if kilos < _KILO:
            return f"{self.number(kilos)} {self('unit.kb')}"
        return f"{self.number(kilos / _KILO)} {self('unit.mb')}"

    def partner(self, partner: str) -> str:
        """A partner's name in full; its id when nobody knows it."""
        known = self.partners.get(PartnerId(partner))
        if known is None:
            return self.known(f"partner.{partner}", partner)
        return known.name.get(self.language) or known.name.get("en") or partner

    def short(self, partner: str) -> str:
        """A partner's name up to its first comma."""
        return self.partner(partner).partition(",")[0]

    def lane(self, lane: str) -> str:
        """A lane by its partner, and its channel where it has one."""
        partner, _, channel = lane.partition("/")
        return self.partner(partner) + (f" / {channel}" if channel else "")

    def type(self, document: str) -> str:
        """A message type in words; its code when it has none."""
        return self.known(f"type.{document}", document)

    def code(self, code: str) -> Words:
        """Title, text and hint of a refusal code; what outsiders are not told about a seal is told here."""
        told = book(self.language).get(f"seal.{code}.title")
        if told is not None:
            return Words(title=told, text=self(f"seal.{code}.text"), hint=say(SEAL, {}, self.language).hint)
        return say(code, {}, self.language)

    def finding(self, rule: str, params: Mapping[str, str]) -> Words:
        """A finding in the reader's language."""
        return say(rule, params, self.language)


def choose_language(cookie: str | None, accepted: str | None) -> Language:
    """What was chosen, else what the browser asks for, else English."""
    for language in LANGUAGES:
        if language in {cookie, None if cookie in LANGUAGES else accepted}:
            return language
    return "en"
