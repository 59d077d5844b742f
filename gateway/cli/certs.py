"""`gateway certs`: certificates made for a try-out, listed, and checked for their dates."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from gateway.cli.place import Config, StateDir, partners_of, settings_at, tree_of
from gateway.cli.say import Json, emit, rows

if TYPE_CHECKING:
    from gateway.shell.config import Settings

app = typer.Typer(help="Keys and certificates.", no_args_is_help=True)
SOON = 30
"""Days before its end from which a certificate is warned about."""


@app.command()
def dev(config: Config = None, state: StateDir = None) -> None:
    """Make a demo authority, our own keys and keys for every partner; what is there stays. Refused in production."""
    from gateway.errors import ConfigurationError
    from gateway.shell.demo_ca import make_demo_trust

    settings = settings_at(config, state)
    if settings.environment == "production":
        raise ConfigurationError('environment = "production": demo trust is refused here, so none is made')
    made = make_demo_trust(
        settings.state_dir, [file.stem for file in tree_of(settings).files("certs/partners", "*.toml")]
    )
    typer.echo("\n".join(map(str, made)) if made else "everything was there already")
    if made:
        typer.echo("a gateway that runs takes them when it is started again", err=True)


@app.command("list")
def list_all(as_json: bool = Json, config: Config = None, state: StateDir = None) -> None:
    """Every certificate of the trust folder and of our own keys."""
    found = certificates(settings_at(config, state))
    if as_json:
        emit(found)
        return
    rows(
        "Certificates",
        ("file", "subject", "kind", "ends", "days left", "of", "SHA-256"),
        [(one["file"], one["subject"], one["kind"], one["ends"][:10], one["daysLeft"], one["of"], one["sha256"][:16])
         for one in found],
    )  # fmt: skip


@app.command()
def check(as_json: bool = Json, config: Config = None, state: StateDir = None) -> None:
    """Name every certificate that has ended or soon will, and partners without one. Ends with 1 if there is any."""
    settings = settings_at(config, state)
    late = [one for one in certificates(settings) if one["daysLeft"] < SOON]
    without = [partner.id for partner in partners_of(settings).values() if not partner.certificates]
    if as_json:
        emit({"ending": late, "partnersWithoutCertificate": without})
    else:
        for one in late:
            typer.echo(f"{one['file']}: {one['subject']} {'ended' if one['daysLeft'] < 0 else 'ends'} {one['ends']}")
        for name in without:
            typer.echo(f"partner {name} has no certificate: whatever comes in its name is refused")
        if not late and not without:
            typer.echo(f"all certificates hold for more than {SOON} days")
    raise typer.Exit(1 if late or without else 0)


def certificates(settings: Settings) -> list[dict[str, Any]]:
    """The certificates of this installation as plain values, those that end first at the top."""
    from gateway.shell.partners import read_pem

    files = [(file, "partners") for file in sorted(settings.trust_dir.glob("*.pem"))]
    files += [(file, "gateway") for file in settings.keys or sorted(settings.key_dir.glob("*.pem"))]
    found = [_members(file, of, one) for file, of in files for one in read_pem(file)]
    return sorted(found, key=lambda one: one["ends"])


def _members(file: Path, of: str, certificate: Any) -> dict[str, Any]:
    from datetime import UTC, datetime

    from cryptography.hazmat.primitives import hashes

    from gateway.shell.demo_ca import is_demo

    ends = certificate.not_valid_after_utc
    return {
        "file": str(file),
        "subject": certificate.subject.rfc4514_string(),
        "kind": type(certificate.public_key()).__name__.removesuffix("PublicKey").removeprefix("_").upper(),
        "ends": ends.isoformat(),
        "daysLeft": (ends - datetime.now(UTC)).days,
        "of": of,
        "demo": is_demo(certificate),
        "sha256": certificate.fingerprint(hashes.SHA256()).hex(),
    }
