"""`gateway partner`: who we exchange with, a start kit for one, and a test of the way to it."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.place import Config, StateDir, partners_of, settings_at
from gateway.cli.say import Json, console, emit, one_of, rows, wrong_use

if TYPE_CHECKING:
    from gateway.model import Partner
    from gateway.terms import Terms

app = typer.Typer(help="The parties we exchange with.", no_args_is_help=True)
Who = Annotated[str, typer.Argument(help="The partner's id.")]


@app.command("list")
def list_all(as_json: bool = Json, config: Config = None, state: StateDir = None) -> None:
    """All partner records."""
    partners = partners_of(settings_at(config, state)).values()
    if as_json:
        emit([members(partner) for partner in partners])
        return
    rows(
        "Partners",
        ("id", "name", "role", "profile", "endpoint", "certificates"),
        [(one.id, one.name.get("en", ""), one.role, one.profile, one.endpoint or "pulls its inbox",
          len(one.certificates)) for one in partners],
    )  # fmt: skip


@app.command()
def show(partner: Who, as_json: bool = Json, config: Config = None, state: StateDir = None) -> None:
    """One partner record with everything that was agreed."""
    found = _find(partner, config, state)
    if as_json:
        emit(members(found))
        return
    rows(found.name.get("en", partner), ("", ""), [(key, _plain(value)) for key, value in members(found).items()])


@app.command()
def kit(
    partner: Who,
    out: Annotated[Path, typer.Option("--out", help="Folder to write; keys that are there stay.")] = Path("kit"),
    config: Config = None,
    state: StateDir = None,
) -> None:
    """Write what a partner's engineers need to start: addresses, WSDL, schemas, samples and scripts."""
    from gateway.kit.make import make_kit

    _find(partner, config, state)
    files = make_kit(settings_at(config, state), partner, out)
    typer.echo("\n".join(map(str, files)))


@app.command()
def test(partner: Who, as_json: bool = Json, config: Config = None, state: StateDir = None) -> None:
    """Walk the way to a partner step by step: DNS, TCP, TLS, HTTP, signed ping. Ends with 1 at the first red step."""
    from gateway.app import key_files
    from gateway.shell.keyring import FileKeyring
    from gateway.shell.partner_probe import probe

    found, settings = _find(partner, config, state), settings_at(config, state)
    if not found.endpoint:
        wrong_use(f"{partner} pulls its messages: there is no way to it that could be tested")
    steps = probe(found, FileKeyring(key_files(settings)))
    if as_json:
        emit([{"step": step.name, "ok": step.ok, "milliseconds": step.ms, "detail": step.detail} for step in steps])
    else:
        for step in steps:
            mark = "[green]ok [/green]" if step.ok else "[red]RED[/red]"
            console().print(f"{mark} {step.name:<12} {step.ms:8.1f} ms  ", end="")
            typer.echo(step.detail)
    raise typer.Exit(0 if all(step.ok for step in steps) else 1)


def members(partner: Partner) -> dict[str, Any]:
    """A partner record as plain values."""
    return {
        "id": partner.id,
        "name": dict(partner.name),
        "role": partner.role,
        "profile": partner.profile,
        "endpoint": partner.endpoint,
        "certificates": [{"sha256": one.sha256, "retired": one.retired} for one in partner.certificates],
        "algorithms": sorted(partner.algorithms),
        "signWith": partner.sign_with,
        "sends": sorted(partner.sends),
        "replyTo": sorted(partner.reply_to),
        "contact": asdict(partner.contact),
        "delivery": delivery(partner.terms),
        "format": partner.format,
        "demo": partner.demo,
    }


def delivery(terms: Terms) -> dict[str, Any]:
    """How messages go to a partner, as plain values."""
    return {
        "concurrency": terms.concurrency,
        "rate": terms.rate,
        "retrySeconds": [wait.total_seconds() for wait in terms.retries],
        "giveUpHours": terms.give_up.total_seconds() / 3600,
        "pilotSeconds": terms.pilot_every.total_seconds(),
        "longestWaitSeconds": terms.longest_wait.total_seconds(),
    }


def _plain(value: object) -> str:
    if isinstance(value, dict):
        return "\n".join(f"{key}: {text}" for key, text in value.items())
    if isinstance(value, list):
        return "\n".join(_plain(one) for one in value)
    return str(value)


def _find(partner: str, config: Path | None, state: Path | None) -> Partner:
    from gateway.model import PartnerId

    known = partners_of(settings_at(config, state))
    return known[PartnerId(one_of("partner", partner, known))]
