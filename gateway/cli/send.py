"""`gateway send`: a document signed and sent as one of the partners, and its receipt verified."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.place import Config, StateDir, partners_of, registry_of, settings_at
from gateway.cli.say import Json, console, emit, one_of, wrong_use

if TYPE_CHECKING:
    from gateway.model import Partner
    from gateway.shell.client import Hat, Outcome
    from gateway.shell.config import Settings


def add_to(app: typer.Typer) -> None:
    """Put the command into the program."""
    app.command("send")(send)


def send(
    file: Annotated[Path, typer.Argument(help="The bare XML document.")],
    sender: Annotated[str, typer.Option("--as", help="The partner that sends.")],
    to: Annotated[str, typer.Option("--to", help="The partner it is for; empty = the gateway's routes decide.")] = "",
    soap: Annotated[bool, typer.Option("--soap", help="As a signed SOAP envelope.")] = False,
    rest: Annotated[bool, typer.Option("--rest", help="As a signed HTTP request.")] = False,
    kind: Annotated[str, typer.Option("--type", help="Document type; read from the document when not said.")] = "",
    relates_to: Annotated[str, typer.Option("--relates-to", help="The message it answers.")] = "",
    url: Annotated[str, typer.Option("--url", help="Address of the partner doors.")] = "",
    keys: Annotated[Path | None, typer.Option("--keys", help="Folder with the sender's key files.")] = None,
    unchecked: Annotated[bool, typer.Option("--unchecked", help="Send it even when it is not valid.")] = False,
    as_json: bool = Json,
    config: Config = None,
    state: StateDir = None,
) -> None:
    """Validate, sign and send a document, and verify the gateway's receipt. Ends with 1 when it was refused.

    It takes documents up to largest_message. Longer ones, up to largest_spooled, go by the partner's own software.
    """
    from gateway.model import DocumentType, MessageId, PartnerId
    from gateway.shell.client import Client, Letter

    if soap and rest:
        wrong_use("--soap or --rest, not both")
    settings = settings_at(config, state)
    partners = partners_of(settings)
    record = partners[PartnerId(one_of("partner", sender, partners))]
    if to:
        one_of("partner", to, partners)
    if not file.is_file() and not file.is_fifo():
        wrong_use(f"no such file: {file}")
    payload = _octets(file, settings.largest_message)
    document, checked = _checked(file, payload, settings, kind, unchecked=unchecked)
    client = Client(_hat(record, settings, url, keys))
    letter = Letter(
        payload=payload,
        type=DocumentType(document),
        receiver=PartnerId(to) if to else None,
        relates_to=MessageId(relates_to) if relates_to else None,
    )
    profile = "soap-gw-1" if soap else "rest-gw-1" if rest else record.profile
    _show(client.send(letter, profile), checked, as_json=as_json)


def _octets(file: Path, most: int) -> bytes:
    """The document; one that is too long to be sent from here ends the command."""
    with file.open("rb") as opened:
        payload = opened.read(most + 1)
    if len(payload) > most:
        wrong_use(
            f"{file} is longer than largest_message ({most} octets), which is all that this command sends. "
            "The doors take it, up to largest_spooled: send it by your own software; `gateway validate` looks at it"
        )
    return payload


def _checked(file: Path, payload: bytes, settings: Settings, kind: str, *, unchecked: bool) -> tuple[str, float]:
    """The document's type and the milliseconds it took to see; what is not valid ends the command with its findings."""
    from gateway.cli.validate import lines_of, shown
    from gateway.schema.bare import judge

    registry = registry_of(settings)
    if kind:
        one_of("document type", kind, registry.records)
    started = perf_counter()
    found = judge(payload, registry.schemas)
    took = round((perf_counter() - started) * 1000, 1)
    if not found.valid and not (unchecked and kind):
        typer.echo("\n".join(lines_of(shown(file, found), "en")), err=True)
        if unchecked:
            wrong_use("a document that is not valid needs --type")
        raise typer.Exit(1)
    return kind or found.type or "", took


def _hat(record: Partner, settings: Settings, url: str, keys: Path | None) -> Hat:
    from gateway.shell.client import wear

    folder = keys or settings.state_dir / "demo" / record.id
    return wear(record.id, sorted(folder.glob("*.pem")), settings.trust_dir, url or settings.url, record.sign_with)


def _show(outcome: Outcome, checked: float, *, as_json: bool) -> None:
    steps = {"validated": checked, **outcome.steps}
    if as_json:
        emit({"messageId": outcome.message_id, "accepted": not outcome.code, "code": outcome.code,
              "text": outcome.text, "findings": list(outcome.findings), "milliseconds": steps,
              "receipt": outcome.receipt.id if outcome.receipt else None})  # fmt: skip
    else:
        last = "receipt verified" if outcome.receipt else "refused"
        names = {"verified": last}
        console().print(" > ".join(f"{names.get(name, name)} {ms:.0f} ms" for name, ms in steps.items()))
        console().print(f"message id {outcome.message_id}")
        if outcome.code:
            signed = "" if outcome.proven else " (the refusal is not signed)"
            typer.echo(f"error {outcome.code}: {outcome.text}{signed}", err=True)
            for finding in outcome.findings:
                typer.echo(f"  {finding.get('rule')} {finding.get('path', '')}: {finding.get('text', '')}", err=True)
    if outcome.code:
        raise typer.Exit(1)
