"""Every text exists in three languages, every colour can be read, and nothing hidden passes as nothing."""

from __future__ import annotations

import re
import sys
import unicodedata
from datetime import timedelta
from pathlib import Path

import pytest
from markupsafe import escape

from gateway.errors import GatewayError
from gateway.lifecycle import State
from gateway.model import LANGUAGES, Language
from gateway.registry import Registry
from gateway.shell.console.plain import HIDDEN, folded, visible
from gateway.shell.console.speech import Speech, book, choose_language
from gateway.shell.console.xml_view import BEGINNING, SHOWN, indented, view
from gateway.shell.ledger import EVENTS
from tests.builders import NOW

CONSOLE = Path(__file__).parents[2] / "gateway" / "shell" / "console"
SLOT = re.compile(r"\{([a-z]+)\}")
GROUNDS = ("ground", "surface", "raised")
ON_ANY_GROUND = ("ink", "soft", "link", "bad", "wait")
PAIRS = [(text, ground) for text in ON_ANY_GROUND for ground in GROUNDS]
PAIRS += [(name, f"{name}-ground") for name in ("good", "wait", "bad", "late", "mark")]
PAIRS += [("ink", f"{name}-ground") for name in ("good", "wait", "bad")]
PAIRS += [("soft", f"{name}-ground") for name in ("wait", "bad")] + [("link", "wait-ground"), ("link", "bad-ground")]
PAIRS += [("surface", "link"), ("head-ink", "head"), ("head-soft", "head"), ("good", "surface"), ("good", "raised")]
PAIRS += [
    (f"x-{name}", ground) for name in ("tag", "name", "value", "note", "entity") for ground in ("surface", "raised")
]
SIGNS = [(name, ground) for name in ("edge", "focus", "bar") for ground in ("ground", "surface")]
"""Borders of fields, the focus ring and bars: 3:1."""


def speech(language: Language = "en") -> Speech:
    """A reader in Kazakhstan."""
    return Speech(language=language, zone_name="almaty", now=NOW, partners={})


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_says_everything(language: Language) -> None:
    """The same keys, the same slots, nothing empty."""
    english, other = book("en"), book(language)
    assert set(other) == set(english)
    assert not [key for key in english if sorted(SLOT.findall(english[key])) != sorted(SLOT.findall(other[key]))]
    assert not [key for key, text in other.items() if not text.strip()]


def test_russian_and_kazakh_are_written_in_their_own_words() -> None:
    """Few texts are the same as the English ones, and those are names and signs."""
    for language in ("ru", "kk"):
        same = [key for key, text in book(language).items() if text == book("en")[key]]
        assert len(same) < 15, same
    assert set("әғқңөұүі") <= set("".join(book("kk").values()))


def test_every_key_that_a_page_asks_for_has_words() -> None:
    """In templates and in the source; and no word is kept for nothing."""
    sources = "".join(file.read_text("utf-8") for file in [*CONSOLE.glob("*.py"), *CONSOLE.glob("templates/*")])
    asked = set(re.findall(r"""[("']([a-z]+\.[a-z](?:[a-z.-]*[a-z])?)["']""", sources))
    families = {found for found in re.findall(r"""["']([a-z-]+\.(?:[a-z]+\.)?)["'] ~""", sources)}
    families |= {"unit.", "zone.", "seal.", "type.", "partner.", "time.", "environment."}
    spoken = {key for key in asked if key.partition(".")[0] in {known.partition(".")[0] for known in book("en")}}
    assert not [key for key in spoken if key not in book("en") and not key.endswith((".html", ".css", ".js", ".svg"))]
    used = asked | set(re.findall(r"""["']((?:list|story|live|act)\.[a-z-]+)["']""", sources))
    unused = [key for key in book("en") if key not in used and not key.startswith(tuple(families))]
    assert not unused


@pytest.mark.parametrize("language", LANGUAGES)
def test_everything_that_can_happen_has_a_name(language: Language, rules: Registry) -> None:
    """States, events, types of the shipped adapters, key schemes, and the seal's secret refusals."""
    words = book(language)
    assert not [state for state in State if f"state.{state}" not in words]
    events = {*EVENTS.values(), "accepted", "notice", "sealed", "attempt", "receipt", "requeued", "silent", "alarm"}
    assert not [event for event in events if f"event.{event}" not in words]
    types = {one for corridor in rules.corridors.values() for one in (corridor.takes, corridor.gives)}
    assert not [name for name in types if f"type.{name}" not in words]
    schemes = {key for record in rules.records.values() for key in record.keys}
    assert not [key for key in schemes if f"key.{key}" not in words]
    secret = [error for error in _all(GatewayError) if error.secret and "code" in vars(error)]
    assert not [error.code for error in secret if not speech(language).code(error.code).title]


def _all(parent: type[GatewayError]) -> list[type[GatewayError]]:
    return [one for child in parent.__subclasses__() for one in (child, *_all(child))]


def palettes() -> list[dict[str, str]]:
    """Light, then dark: names and colours of the style sheet."""
    css = (CONSOLE / "static" / "console.css").read_text("utf-8")
    blocks = re.findall(r":root \{(.*?)\}", css, re.S)
    light, dark = (dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", block)) for block in blocks)
    assert set(light) == set(dark)
    return [light, dark]


def luminance(colour: str) -> float:
    """WCAG 2.2 relative luminance."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """WCAG 2.2 contrast ratio."""
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("palette", palettes(), ids=["light", "dark"])
def test_every_text_can_be_read(palette: dict[str, str]) -> None:
    """4.5:1 for text, 3:1 for signs (WCAG 2.2 AA, 1.4.3 and 1.4.11)."""
    dim = {pair: contrast(palette[pair[0]], palette[pair[1]]) for pair in PAIRS}
    assert not {pair: ratio for pair, ratio in dim.items() if ratio < 4.5}
    signs = {pair: contrast(palette[pair[0]], palette[pair[1]]) for pair in SIGNS}
    assert not {pair: ratio for pair, ratio in signs.items() if ratio < 3}


def test_what_the_eye_would_miss_is_named() -> None:
    """Control, format, separator, surrogate and private characters, and every space but the plain one."""
    missed = [
        char
        for char in map(chr, range(sys.maxunicode + 1))
        if unicodedata.category(char) in {"Cc", "Cf", "Zs", "Zl", "Zp", "Cs", "Co"}
        and char not in " \t\n\r"
        and not HIDDEN.match(char)
    ]
    assert not missed
    for shown in ("Қ", "é", "漢", "𠀋", "한", "…", "№", "«", "😀"):
        assert not HIDDEN.match(shown)
    assert "U+202E" in visible("a\u202eb")
    assert visible("<a>&'\"") == escape("<a>&'\"")
    assert "<details" in folded("x" * 200)
    assert "<details" not in folded("x" * 160)


def test_xml_is_coloured_text() -> None:
    """Indented when it is XML we would take; else as it is; of a huge text only the beginning."""
    shown = view("<a б='1'><c>&lt;b&gt;\u202e</c><!-- ж --></a>".encode(), pretty=True)
    assert shown.pretty
    assert shown.lines.count('class="line"') == 4
    assert "<c>" not in shown.lines
    assert "U+202E" in shown.lines
    assert 'class="x-name"' in shown.lines
    broken = view(b"\xff<a><script>", pretty=True)
    assert not broken.pretty
    assert "<script>" not in broken.lines
    assert indented(b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>") is None
    huge = view(b"x" * (SHOWN + 1), pretty=True)
    assert huge.cut
    assert len(huge.lines) < BEGINNING + 200
    wide = view(b"<a>" + b"<b/>" * 60_000 + b"</a>", pretty=True)
    assert "x-tag" not in wide.lines


def test_times_and_spans_are_told_in_the_readers_way() -> None:
    """Zone always said; one unit; decimal sign of the language."""
    reader = speech()
    assert reader.time(NOW) == "2026-11-23 11:00:00 +05"
    assert [reader.span(seconds) for seconds in (0, 0.0035, 0.83, 1.25, 90, 5400, 200_000)] == [
        "0 ms", "3.5 ms", "830 ms", "1.2 s", "1.5 min", "1.5 h", "2.3 d",
    ]  # fmt: skip
    assert speech("ru").span(90) == "1,5 мин"
    assert speech("kk").ago(NOW - timedelta(hours=2)) == "2 сағ бұрын"
    assert reader.until(NOW - timedelta(seconds=1)) == "now"
    assert [reader.size(octets) for octets in (10, 2048, 3 * 1024 * 1024)] == ["10 B", "2 KB", "3 MB"]
    assert reader.day(NOW) == ""
    assert reader.day(NOW - timedelta(days=1)) == "2026-11-22"
    assert choose_language(None, None) == "en"
    assert choose_language("kk", "ru") == "kk"
    assert choose_language("xx", "ru") == "ru"
