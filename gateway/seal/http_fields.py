"""The two headers of an HTTP signature and the digest header, read strictly, and the octets that a signature covers.

Sources: RFC 9421 (HTTP Message Signatures), RFC 9530 (Content-Digest), RFC 9651 (Structured Fields, by `http_sf`).
Stricter than the standards: one signature, each field once, canonical base64, no component flag but `req`.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, NoReturn, cast

import http_sf

from gateway.errors import GatewayError, SealBroken, SealInvalid, WeakAlgorithm
from gateway.model import Wire

CONTENT_DIGEST: Final = "content-digest"
DIGESTS: Final[Mapping[str, str]] = {"sha-256": "sha256", "sha-512": "sha512"}
"""RFC 9530 algorithm key to short name; every other key (md5, sha, unixsum) is refused (J8)."""
_DERIVED: Final = frozenset({"@method", "@authority", "@path", "@query", "@status"})
_PARAMETERS: Final[Mapping[str, type]] = {
    "created": int, "expires": int, "nonce": str, "keyid": str, "alg": str, "tag": str,
}  # fmt: skip
_FIELD_NAME = re.compile(r"[a-z0-9!#$%&'*+.^_`|~-]{1,100}")
_FIELD_VALUE = re.compile(r"[\x20-\x7e\t]*")
_MOST_COMPONENTS: Final = 64
_LONGEST_FIELD: Final = 8192

_Dictionary = dict[str, tuple[Any, dict[str, Any]]]
Component = tuple[str, bool]
"""Name and whether it is one of the request (`;req`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpSignature:
    """One signature as its two headers state it; nothing of it is proven yet."""

    label: str
    components: tuple[Component, ...]
    parameters: Mapping[str, int | str]
    value: bytes
    input: str
    """The value of `@signature-params`, serialised strictly (RFC 9421 2.3)."""


def read_signature(wire: Wire, label: str) -> HttpSignature:
    """The one signature of a message, under this label. Raises SealInvalid (rows J4, J7, J9)."""
    inputs = _dictionary(field_value(wire, "signature-input"), "signature-input")
    raw = field_value(wire, "signature")
    values = _dictionary(raw, "signature")
    if list(inputs) != [label] or list(values) != [label]:
        raise SealInvalid(f"exactly one signature is expected, labelled {label}", threat="J7")
    value, flags = values[label]
    if not isinstance(value, bytes) or flags or write_octets({label: value}) != raw:
        raise SealInvalid("the signature is not canonical base64", threat="J4")
    items, given = inputs[label]
    components, parameters = _components(items), _parameters(given)
    return HttpSignature(
        label=label,
        components=components,
        parameters=parameters,
        value=value,
        input=write_input(components, parameters),
    )


def signature_base(signature: HttpSignature, wire: Wire, request: Wire | None = None) -> bytes:
    """The octets that the signature covers (RFC 9421 2.5); `request` is what `wire` answers, for `;req` components.

    Raises SealInvalid for a component that is absent, repeated or not of this kind of message (row J9).
    """
    lines = []
    for name, of_request in signature.components:
        source = request if of_request else wire
        if source is None:
            raise SealInvalid(f"{name};req has no request here", threat="J7")
        flag = ";req" if of_request else ""
        lines.append(f'"{name}"{flag}: {component_value(name, source)}')
    lines.append(f'"@signature-params": {signature.input}')
    return "\n".join(lines).encode("ascii")


def component_value(name: str, wire: Wire) -> str:
    """What a component is worth in this message (RFC 9421 2.1, 2.2). Raises SealInvalid."""
    if not name.startswith("@"):
        return field_value(wire, name)
    if (name == "@status") != (wire.status is not None):
        raise SealInvalid(f"{name} does not belong to this kind of message", threat="J7")
    path, _, query = wire.target.partition("?")
    value = {
        "@method": wire.method,
        "@authority": wire.authority.lower(),
        "@path": path or "/",
        "@query": "?" + query,
        "@status": str(wire.status),
    }[name]
    if not _FIELD_VALUE.fullmatch(value):
        raise SealInvalid(f"{name} is not printable ASCII", threat="J9")
    return value


def field_value(wire: Wire, name: str) -> str:
    """The only value of a header; a header that is absent, repeated, folded or not ASCII is refused (row J9)."""
    found = [value for key, value in wire.headers if key == name]
    if name == "content-type" and wire.content_type:
        found = [wire.content_type] if found in ([], [wire.content_type]) else [*found, wire.content_type]
    if len(found) != 1:
        raise SealInvalid(f"{name} must be there exactly once, not {len(found)} times", threat="J9" if found else "J7")
    value = found[0].strip(" \t")
    if len(value) > _LONGEST_FIELD or not _FIELD_VALUE.fullmatch(value):
        raise SealInvalid(f"{name} is too long or not one line of ASCII", threat="J9")
    return value


def write_content_digest(body: bytes, algorithm: str = "sha-256") -> str:
    """The Content-Digest header value of a body."""
    return write_octets({algorithm: hashlib.new(DIGESTS[algorithm], body).digest()})


def check_content_digest(wire: Wire, allowed: frozenset[str]) -> tuple[tuple[str, bytes], ...]:
    """Every digest of the header is that of this body; gives (short name, digest) in header order.

    `allowed` are the short names in the partner's record. Raises SealBroken or WeakAlgorithm (row J8).
    """
    said = read_content_digest(wire, allowed)
    for key, value in said.items():
        if not hmac.compare_digest(_digest(wire, DIGESTS[key]), value):
            raise SealBroken(f"Content-Digest {key} is not that of the body", threat="J8")
    return tuple((DIGESTS[key], value) for key, value in said.items())


def read_content_digest(wire: Wire, allowed: frozenset[str]) -> dict[str, bytes]:
    """What the header says of a body, by its keys; the body is not looked at. Raises as `check_content_digest`."""
    raw = field_value(wire, CONTENT_DIGEST)
    members = _dictionary(raw, CONTENT_DIGEST, SealBroken)
    if not members:
        raise SealBroken("Content-Digest is empty", threat="J8")
    said: dict[str, bytes] = {}
    for key, (value, flags) in members.items():
        if DIGESTS.get(key) not in allowed:
            raise WeakAlgorithm(f"Content-Digest {key[:20]} is not accepted", threat="J8")
        if not isinstance(value, bytes) or flags:
            raise SealBroken("Content-Digest holds something else than octets", threat="J8")
        said[key] = value
    if write_octets(said) != re.sub(r"[ \t]*,[ \t]*", ", ", raw):
        raise SealBroken("Content-Digest is not canonical base64", threat="J8")
    return said


def _digest(wire: Wire, name: str) -> bytes:
    """Of the body as it came; of a large one it was worked out while it came."""
    if wire.large is None:
        return hashlib.new(name, wire.body).digest()
    return bytes.fromhex(wire.large.digests.get(name, ""))


def write_octets(members: Mapping[str, bytes]) -> str:
    """A dictionary of byte sequences, serialised strictly (RFC 9651 4.1.2, 4.1.8)."""
    return ", ".join(f"{key}=:{base64.b64encode(value).decode('ascii')}:" for key, value in members.items())


def write_input(components: Iterable[Component], parameters: Mapping[str, int | str]) -> str:
    """The covered components and parameters as an inner list, serialised strictly (RFC 9421 2.3)."""
    items = " ".join(f'"{name}";req' if of_request else f'"{name}"' for name, of_request in components)
    return f"({items})" + "".join(f";{name}={_bare(value)}" for name, value in parameters.items())


def _bare(value: int | str) -> str:
    if isinstance(value, int):
        return str(value)
    if not _FIELD_VALUE.fullmatch(value) or "\t" in value:
        raise SealInvalid("a signature parameter is not printable ASCII", threat="J7")
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def base64url(octets: bytes) -> str:
    """Unpadded base64url, as in x5t#S256 (RFC 7515 4.1.8)."""
    return base64.urlsafe_b64encode(octets).decode("ascii").rstrip("=")


def _dictionary(raw: str, name: str, broken: type[GatewayError] = SealInvalid) -> _Dictionary:
    def refuse(key: str, context: str) -> NoReturn:
        raise broken(f"{name}: {key[:40]} stands twice in the {context}", threat="J7")

    try:
        return cast(_Dictionary, http_sf.parse(raw.encode("ascii"), tltype="dictionary", on_duplicate_key=refuse))
    except (http_sf.StructuredFieldError, ValueError, OverflowError, RecursionError) as error:
        raise broken(f"{name} is not a structured field: {error}", threat="J7") from None


def _components(items: object) -> tuple[Component, ...]:
    if not isinstance(items, list) or not 0 < len(items) <= _MOST_COMPONENTS:
        raise SealInvalid("the list of covered components is empty or too long", threat="J7")
    found: list[Component] = []
    for name, flags in items:
        if type(name) is not str or not (name in _DERIVED if name.startswith("@") else _FIELD_NAME.fullmatch(name)):
            raise SealInvalid("a covered component is not one of this profile", threat="J7")
        if flags not in ({}, {"req": True}) or any(flag is not True for flag in flags.values()):
            raise SealInvalid(f"{name} carries flags that this profile does not have", threat="J7")
        found.append((name, bool(flags)))
    if len(set(found)) != len(found):
        raise SealInvalid("a component is covered twice", threat="J7")
    return tuple(found)


def _parameters(parameters: Mapping[str, object]) -> Mapping[str, int | str]:
    for name, value in parameters.items():
        if name not in _PARAMETERS or type(value) is not _PARAMETERS[name]:
            raise SealInvalid(f"signature parameter {name[:40]} is unknown or of the wrong type", threat="J7")
    return cast(Mapping[str, int | str], parameters)
