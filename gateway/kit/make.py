"""Makes the client kit of one partner: a folder with its formats, its key, our certificates and examples that run."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from gateway import __version__, registry
from gateway.contract.openapi import write_openapi
from gateway.errors import ConfigurationError, NotFound
from gateway.kit.formats import samples, xsd_files
from gateway.kit.keys import key_and_request
from gateway.model import DocumentType, Partner, PartnerId
from gateway.registry import Registry
from gateway.shell.config import Settings
from gateway.shell.demo_ca import write_private
from gateway.shell.keyring import FileKeyring
from gateway.shell.partners import load_partners
from gateway.shell.wsdl_door import receivable, record_of, sendable, twins_of, wsdl_of
from gateway.twin import to_json
from gateway.twin.json_schema import json_schema

TEMPLATES: Final = Path(__file__).parent / "templates"
CODE: Final = ("gateway_zeep.py", "send_soap.py", "gateway_rest.py", "send_rest.py", "pull_rest.py")
REQUIREMENTS: Final = "zeep>=4.3\nlxml>=5\ncryptography>=42\nrequests>=2.31\n"
Pair = dict[str, str]
"""`key` and `certificate`: PEM files of the kit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kit:
    settings: Settings
    trees: Registry
    partner: Partner
    out: Path
    sends: list[DocumentType]
    receives: list[DocumentType]

    def write(self, name: str, content: bytes | str) -> Path:
        file = self.out / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        return file


def make_kit(settings: Settings, partner: str, out: Path) -> list[Path]:
    """Write a partner's kit into the folder `out`; returns the files. A key that is there already is kept.

    In a demo the key is the demo key of the partner; else a new key and a certificate request are made. Raises NotFound
    for an unknown partner or one that may send nothing, ConfigurationError when files of ours cannot be used or the
    folder holds the kit of another partner, whose keys would be handed over with this one.
    """
    _only_theirs(out, partner)
    trees = registry.load([Path(root) for root in settings.roots])
    partners = load_partners(trees.tree, settings.trust_dir, production=settings.environment == "production")
    found = partners.get(PartnerId(partner))
    if found is None:
        raise NotFound(f"no partner {partner}")
    kit = _Kit(
        settings=settings, trees=trees, partner=found, out=out, sends=sendable(trees, found),
        receives=receivable(trees, found),
    )  # fmt: skip
    keys, pairs = _keys(kit)
    trust = _trust(kit)
    settings_file = kit.write("kit.json", json.dumps(_said(kit, pairs, trust), indent=2, ensure_ascii=False) + "\n")
    return [*_formats(kit), *_samples(kit), *keys, *trust, *_code(kit), settings_file, _readme(kit, pairs)]


def _only_theirs(out: Path, partner: str) -> None:
    try:
        there = json.loads((out / "kit.json").read_text("utf-8"))["partner"]
    except (OSError, ValueError, KeyError):
        return
    if there != partner:
        raise ConfigurationError(f"{out} holds the kit and the keys of {there}; name another folder with --out")


def _formats(kit: _Kit) -> list[Path]:
    url = kit.settings.url
    twins = twins_of(kit.trees, [kit.partner])
    openapi = json.dumps(write_openapi(kit.sends, url, __version__, twins), indent=2, ensure_ascii=False) + "\n"
    schemas = {f"schemas/{one}.json": json_schema(facts) for one, facts in twins.items()}
    xsds = xsd_files(kit.trees, (record_of(kit.trees, one, kit.partner) for one in [*kit.sends, *kit.receives]))
    return [
        kit.write("gateway.wsdl", wsdl_of(kit.trees, [kit.partner], f"{url}/soap")),
        kit.write("openapi.json", openapi),
        *(kit.write(path, json.dumps(one, indent=1, ensure_ascii=False) + "\n") for path, one in schemas.items()),
        *(kit.write(path, content) for path, content in xsds.items()),
    ]


def _samples(kit: _Kit) -> list[Path]:
    """As XML; as JSON, too, where the partner's record says so."""
    found = dict(samples(kit.trees, kit.partner.id, kit.sends))
    twins = twins_of(kit.trees, [kit.partner])
    spelled = {f"samples/{kind}.json": to_json(found[kind], twins[kind]) for kind in found if kind in twins}
    written = {**{f"samples/{kind}.xml": content for kind, content in found.items()}, **spelled}
    return [kit.write(name, content) for name, content in sorted(written.items())]


def _code(kit: _Kit) -> list[Path]:
    copied = [Path(shutil.copyfile(TEMPLATES / name, kit.out / name)) for name in CODE]
    return [*copied, kit.write("requirements.txt", REQUIREMENTS)]


# --- keys and trust --------------------------------------------------------------------------------------------------
def _kinds(partner: Partner) -> list[str]:
    """The kinds of key the partner's record takes."""
    families = {algorithm.partition("-")[0] for algorithm in partner.algorithms}
    return [kind for kind, family in (("rsa", "rsa"), ("ec", "ecdsa")) if family in families] or ["rsa"]


def _keys(kit: _Kit) -> tuple[list[Path], dict[str, Pair]]:
    """The files made, and by kind of key what the examples use."""
    files: list[Path] = []
    pairs: dict[str, Pair] = {}
    for kind in _kinds(kit.partner):
        name = f"{kit.partner.id}-{kind}"
        demo = kit.settings.state_dir / "demo" / kit.partner.id / f"{name}.pem"
        own = kit.out / "keys" / f"{name}.pem"
        if kit.settings.environment == "demo" and demo.is_file():
            if not own.exists():
                write_private(own, demo.read_bytes())
            files.append(own)
            pairs[kind] = {"key": f"keys/{name}.pem", "certificate": f"keys/{name}.pem"}
        else:
            files += key_and_request(kit.out / "keys", kit.partner, kind)
            pairs[kind] = {"key": f"keys/{name}.key.pem", "certificate": f"keys/{name}.crt.pem"}
    return files, pairs


def _trust(kit: _Kit) -> list[Path]:
    """Our public certificates, one file each, and the demo CA in a demo."""
    settings = kit.settings
    sources = list(settings.keys) or sorted(settings.key_dir.glob("*.pem"))
    ring = FileKeyring(sources, production=settings.environment == "production")
    made = [kit.write(f"trust/gateway-{n}.pem", _pem(der)) for n, der in enumerate(ring.certificates, start=1)]
    authority = settings.trust_dir / "demo-ca.pem"
    if settings.environment == "demo" and authority.is_file():
        made.append(kit.write("trust/demo-ca.pem", authority.read_bytes()))
    return made


def _pem(der: bytes) -> bytes:
    return x509.load_der_x509_certificate(der).public_bytes(Encoding.PEM)


# --- words -----------------------------------------------------------------------------------------------------------
def _said(kit: _Kit, pairs: dict[str, Pair], trust: Iterable[Path]) -> dict[str, Any]:
    """The settings of the examples: RSA for SOAP and P-256 for REST where the partner has both."""
    names = [file.name for file in trust if file.name.startswith("gateway-")]
    return {
        "partner": kit.partner.id,
        "url": kit.settings.url,
        "soap": pairs.get("rsa") or pairs["ec"],
        "rest": pairs.get("ec") or pairs["rsa"],
        "gatewayCertificates": [f"trust/{name}" for name in names],
    }


def _readme(kit: _Kit, pairs: dict[str, Pair]) -> Path:
    partner = kit.partner
    demo = all(pair["key"] == pair["certificate"] for pair in pairs.values())
    text = (TEMPLATES / "README.md").read_text("utf-8")
    words = {
        "name": partner.name.get("en", partner.id),
        "partner": partner.id,
        "url": kit.settings.url,
        "keyed": " and its demo certificate" if demo else " and the request for its certificate",
        "authority": " and the demo authority" if demo else "",
        "example": _example(kit),
        "related": _RELATED if _only_answers(kit) else "",
        "certificate": "" if demo else _CERTIFICATE.format(partner=partner.id),
        "sends": _rows(kit, kit.sends),
        "receives": _rows(kit, kit.receives),
        "twins": _TWINS if partner.format == "json" else "",
        "delivery": _PUSHED.format(endpoint=partner.endpoint) if partner.endpoint else _PULLED,
        "largest": f"{kit.settings.largest_spooled:,}",
        "held": f"{kit.settings.largest_message:,}",
        "algorithms": ", ".join(f"`{one}`" for one in sorted(partner.algorithms)),
    }
    for name, said in words.items():
        text = text.replace("{" + name + "}", said)
    return kit.write("README.md", text)


def _only_answers(kit: _Kit) -> bool:
    """True when nothing may be sent that does not answer a message."""
    mine = [one for one in kit.trees.corridors.values() if one.sender == kit.partner.id]
    return all(one.reply for one in mine)


def _example(kit: _Kit) -> str:
    script = "send_soap.py" if kit.partner.profile == "soap-gw-1" else "send_rest.py"
    return f"{script} --relates-to ID" if _only_answers(kit) else script


def _rows(kit: _Kit, types: Iterable[DocumentType]) -> str:
    records = ((one, record_of(kit.trees, one, kit.partner)) for one in types)
    rows = [f"| `{one}` | `{record.root}` | `{record.path}` |" for one, record in records]
    return "\n".join(["| message | document | XSD |", "|---|---|---|", *rows])


_PUSHED: Final = (
    "They are pushed to you at {endpoint} in the same profile; answer each with your signed receipt, as the gateway "
    "answers you."
)
_PULLED: Final = (
    "They wait in your inbox: `pull_rest.py` fetches, checks, stores and acknowledges them. Acknowledge only what you "
    "have stored; what is not acknowledged is offered again, byte for byte the same."
)
_TWINS: Final = (
    "| `schemas/` | the same formats as JSON Schema: `samples/*.json` are sent, and you are answered, in JSON |\n"
)
_RELATED: Final = """
You only answer, so `ID` is the message id of a message that was sent to you: what its envelope says in MessageID
(`gw-message-id`). The gateway's operators see it as "our message id" on the page of the message. Without it, or with an
id that was not sent to you, the answer is `message.unrelated`.
"""
_CERTIFICATE: Final = """## Your certificate

Send `keys/{partner}-*.csr.pem` (not the key) to the certification authority agreed with the gateway. Put what you get
back into `keys/` as `{partner}-rsa.crt.pem` or `{partner}-ec.crt.pem`, and give the same file to the gateway's
operators: until they have registered it, your messages are refused as from nobody.

"""
