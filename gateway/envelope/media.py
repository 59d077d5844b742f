"""Media types of profile rest-gw-1: which body came, and which one the asker wants (RFC 6838, RFC 9110 section 12.5.1).

XML is `application/xml`. The JSON twin is `application/json`; its parameter `profile` may name the JSON Schema of the
message (its `$id`), which also says the version. Nothing else is taken, no other parameter and none twice.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from gateway.errors import MediaTypeUnknown, NotAcceptable
from gateway.model import Wire

XML_MEDIA: Final = "application/xml"
JSON_MEDIA: Final = "application/json"
ATTACHMENTS: Final[Mapping[str, tuple[bytes, ...]]] = {
    "application/pdf": (b"%PDF-",), "image/png": (b"\x89PNG\r\n\x1a\n",), "image/jpeg": (b"\xff\xd8\xff",),
    "image/tiff": (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"),
}  # fmt: skip
"""Media types of files that go on as they came, and what such a file begins with."""
_WORD: Final = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_PARAMETER: Final = re.compile(rf'[ \t]*;[ \t]*({_WORD})=({_WORD}|"[^"\\]*")')
_TYPE: Final = re.compile(rf"[ \t]*({_WORD}/{_WORD})((?:[ \t]*;[ \t]*{_WORD}=(?:{_WORD}|\"[^\"\\]*\"))*)[ \t]*")
_QUALITY: Final = re.compile(r"0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?")
_LONGEST_ACCEPT: Final = 2000


@dataclass(frozen=True, slots=True)
class Media:
    """What a body is. `profile` is that of a JSON twin, empty where none is named."""

    json: bool
    profile: str = ""
    attachment: str = ""
    """The media type of a file that is no document."""


def media_of(content_type: str) -> Media:
    """The media type of a message. Raises MediaTypeUnknown (S3)."""
    found = _TYPE.fullmatch(content_type)
    named = found[1].lower() if found else ""
    if named in ATTACHMENTS and content_type.strip().lower() == named:
        return Media(json=False, attachment=named)
    pairs = _PARAMETER.findall(found[2]) if found else []
    parameters = {name.lower(): value.strip('"') for name, value in pairs}
    allowed = {XML_MEDIA: {"charset"}, JSON_MEDIA: {"charset", "profile"}}.get(named)
    plain = allowed is not None and len(parameters) == len(pairs) and parameters.keys() <= allowed
    if not plain or parameters.get("charset", "utf-8").lower() != "utf-8":
        raise MediaTypeUnknown(f"send {XML_MEDIA} or, where agreed, {JSON_MEDIA}; charset utf-8 or none", threat="S3")
    return Media(json=named == JSON_MEDIA, profile=parameters.get("profile", ""))


def wanted(wire: Wire, offered: Sequence[str]) -> str:
    """The media type of `offered`, best first, that the request's Accept likes most; without Accept: the first.

    Of a range only type, subtype and weight count. Raises NotAcceptable.
    """
    said = ", ".join(value for name, value in wire.headers if name == "accept")[:_LONGEST_ACCEPT]
    ranges = list(_ranges(said))
    if not ranges:
        return offered[0]
    best = max(offered, key=lambda media: _weight(media, ranges))
    if not _weight(best, ranges):
        raise NotAcceptable(f"there is {' or '.join(offered)}")
    return best


def _ranges(said: str) -> Iterator[tuple[str, int]]:
    """Each range with its weight in thousandths; what is none is passed over."""
    for part in re.split(r',(?=(?:[^"]*"[^"]*")*[^"]*$)', said) if '"' in said else said.split(","):
        found = _TYPE.fullmatch(part)
        if found is None:
            continue
        weights = [value for name, value in _PARAMETER.findall(found[2]) if name.lower() == "q"]
        weight = weights[0] if weights else "1"
        if _QUALITY.fullmatch(weight):
            yield found[1].lower(), int(weight.replace(".", "").ljust(4, "0"))


def _weight(media: str, ranges: Sequence[tuple[str, int]]) -> int:
    """The weight of the range that fits most exactly; 0 = none does."""
    for name in (media, f"{media.partition('/')[0]}/*", "*/*"):
        weights = [weight for found, weight in ranges if found == name]
        if weights:
            return max(weights)
    return 0
