"""The gateway's settings: TOML file, then environment (`GATEWAY_...`), checked before anything starts."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterable
from datetime import timedelta
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from gateway.errors import ConfigurationError, Finding
from gateway.shell.faults import findings_of
from gateway.shell.kinds import Address, Conninfo, Folder, Host
from gateway.terms import USUAL, Terms

TREE = Path(__file__).resolve().parents[2]
"""Where the shipped adapters, tables, schemas and partner records are."""


class Database(BaseModel):
    """The embedded server, and the programs that back up and restore."""

    model_config = ConfigDict(extra="forbid")

    programs: Path | None = Field(
        default=None,
        description="Directory of PostgreSQL programs, instead of those that are installed with the gateway.",
    )


class Retention(BaseModel):
    """How long what is kept stays in the database, and where it goes then."""

    model_config = ConfigDict(extra="forbid")

    months_ahead: int = Field(default=3, description="Months whose partitions are made in advance.", ge=1, le=24)
    months: int = Field(
        default=0, description="Whole months of messages that stay in the database beside this one; 0 = all.", ge=0
    )
    archive: Path | None = Field(
        default=None,
        description="Folder that older months are written to before they leave; all workers must reach it.",
    )
    keys_months: int = Field(
        default=0,
        description="Whole months for which message ids stay known, so that a repeat is one; 0 = for ever.",
        ge=0,
    )
    at: str = Field(default="17 3 * * *", description="When months are made, archived and dropped: cron, UTC.")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.months and self.archive is None:
            raise ValueError("months needs archive: nothing leaves the database before it is in files")
        if self.keys_months and self.keys_months < max(self.months, 1):
            raise ValueError("keys_months must not be less than months: a repeat would be taken twice")
        return self


class Watch(BaseModel):
    """What must be in order for the gateway to take messages, and where its figures are read."""

    model_config = ConfigDict(extra="forbid")

    clock_limit_seconds: float = Field(
        default=60.0, description="How far our clock may be from others before nothing is signed, seconds.", gt=0
    )
    ntp_servers: list[Host] = Field(
        default_factory=list, description="NTP servers our clock is compared with; best three or more."
    )
    least_free_megabytes: int = Field(
        default=200,
        description="Free room on the disk of state_dir below which /ready says 503 and long messages are refused, MB.",
        ge=0,
    )
    worker_port: int = Field(
        default=0,
        description="Port of 127.0.0.1 where a worker started alone shows its figures; 0 = none.",
        ge=0,
        le=65535,
    )


class AlertSettings(BaseModel):
    """Who is told when something is wrong."""

    model_config = ConfigDict(extra="forbid")

    email_to: list[str] = Field(default_factory=list, description="Addresses that get a mail; empty = none.")
    email_from: str = Field(default="gateway@localhost", description="Sender of these mails.")
    smtp_host: str = Field(default="localhost", description="Mail server.")
    smtp_port: int = Field(default=25, description="Its port.", ge=1, le=65535)
    smtp_security: Literal["tls", "starttls", "none"] = Field(default="none", description="How it is spoken to.")
    smtp_user: str = Field(default="", description="Name to sign in with; empty = no sign-in.")
    smtp_password_file: Path | None = Field(default=None, description="File with the password, readable by us alone.")
    language: Literal["en", "ru", "kk"] = Field(default="en", description="Language of the mails.")
    webhook_url: str = Field(default="", description="Gets a POST of JSON in all languages; empty = none.")
    webhook_secret_file: Path | None = Field(
        default=None, description="File with the secret of the HMAC-SHA256 in X-Signature-256."
    )
    runbook_url: str = Field(default="", description="What to do, as a link in every mail.")
    after_minutes: float = Field(
        default=5.0, description="How long a partner may be out before people are told, minutes.", gt=0
    )
    held_messages: int = Field(default=1000, description="Waiting messages of a lane that are news again.", ge=1)
    deadline_minutes: float = Field(
        default=60.0, description="Time left to a deadline at which people are told, minutes.", gt=0
    )
    remind_hours: float = Field(default=24.0, description="After how long people are told again, hours.", gt=0)


class Settings(BaseSettings):
    """Every setting, its type, its unit and what it stands at when nobody says otherwise."""

    model_config = SettingsConfigDict(
        env_prefix="GATEWAY_", env_nested_delimiter="__", extra="forbid", toml_file="gateway.toml"
    )

    environment: Literal["demo", "test", "production"] = Field(
        "demo", description="What this installation is. Demo trust is refused in production; replay refuses production."
    )
    state_dir: Path = Field(
        Path(".state"), description="Directory of everything this installation makes: keys, database, logs."
    )
    roots: list[Folder] = Field(
        default_factory=list,
        description="Further trees with adapters/, mappings/, xsd/ and certs/partners/; a later one wins.",
    )
    database_url: Conninfo = Field("", description="PostgreSQL DSN; empty = the embedded server in state_dir.")
    database: Database = Field(Database(), description="The embedded server.")
    retention: Retention = Field(Retention(), description="How long messages stay.")
    watch: Watch = Field(Watch(), description="Clock, room and figures.")
    alerts: AlertSettings = Field(AlertSettings(), description="Who is told when something is wrong.")
    host: str = Field("127.0.0.1", description="Address the partner doors listen on.")
    port: int = Field(8081, description="Port the partner doors listen on.", ge=0, le=65535)
    public_url: Address = Field("", description="How partners address the doors; empty = http://host:port.")
    console_host: str = Field("127.0.0.1", description="Address the console listens on; keep it off partner networks.")
    console_port: int = Field(8080, description="Port the console listens on.", ge=0, le=65535)
    console_names: list[str] = Field(
        default_factory=list,
        description="Further host names, without port, by which operators reach the console; any other is refused.",
    )
    workers: int = Field(1, description="Server processes of the doors.", ge=1, le=64)
    threads: int = Field(8, description="Threads of each server process.", ge=1, le=256)
    largest_message: int = Field(
        10_000_000, description="Largest message that is held in memory, bytes; JSON is never longer.", ge=1_000
    )
    largest_spooled: int = Field(
        100_000_000, description="Largest message, and file over REST, bytes; long ones are spooled to disk.", ge=1_000
    )
    spool_megabytes: int = Field(
        1_000, description="Room for long messages that are on their way in, MB of each server process.", ge=1
    )
    spool_share: int = Field(
        50, description="How much of that room one partner may have, percent, but room for one message.", ge=1, le=100
    )
    window_seconds: int = Field(
        300, description="Longest time from Created to Expires of an envelope, theirs and ours, seconds.", ge=1, le=300
    )
    skew_seconds: int = Field(60, description="How far ahead a partner's clock may be, seconds.", ge=0, le=300)
    retry_seconds: list[int] = Field(
        default=[60, 300, 900, 3600],
        description="Waits of one message between its attempts, seconds; the last one repeats. Partners may differ.",
    )
    give_up_hours: float = Field(
        24.0, description="Age at which a message is dead where its corridor names none, hours.", gt=0, le=8760
    )
    pilot_seconds: float = Field(
        30.0, description="While a partner is out, how often one message looks whether it is back, seconds.", gt=0
    )
    delivery_timeout: float = Field(30.0, description="How long one delivery attempt may take, seconds.", gt=0)
    silence_scale: float = Field(
        1.0, description="Multiplies every corridor's silence term and deadline; only the demo sets it below 1.", gt=0
    )
    stalled_seconds: float = Field(
        20.0, description="How long a worker may give no sign of life until its lanes go to another, seconds.", ge=1
    )
    leave_seconds: float = Field(
        5.0,
        description="After SIGTERM: how long /ready says no and the doors still answer, seconds; take longer than a "
        "load balancer needs to notice.",
        ge=0,
        le=60,
    )
    keys: list[Path] = Field(
        default_factory=list,
        description="Our own signing keys: PEM files with key and certificate; empty = state_dir/keys.",
    )
    log_format: Literal["text", "json"] = Field("text", description="Log lines for people or for machines.")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """What is given in code wins, then the environment, then the file."""
        del dotenv_settings, file_secret_settings
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)

    @property
    def url(self) -> str:
        """The address of the doors, without a slash at the end."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return (self.public_url or f"http://{host}:{self.port}").rstrip("/")

    @property
    def terms(self) -> Terms:
        """How messages go to a partner whose record says nothing."""
        return Terms(
            retries=tuple(timedelta(seconds=seconds) for seconds in self.retry_seconds) or USUAL.retries,
            give_up=timedelta(hours=self.give_up_hours),
            pilot_every=timedelta(seconds=self.pilot_seconds),
        )

    @property
    def key_dir(self) -> Path:
        """Where our own keys are, 0700."""
        return self.state_dir / "keys"

    @property
    def trust_dir(self) -> Path:
        """Where the certificates named by partner records are."""
        return self.state_dir / "trust"


def load_settings(file: Path | None = None, **given: Any) -> Settings:
    """Read the settings. Raises ConfigurationError whose findings name file and key."""
    source = file or Path("gateway.toml")
    if file is not None and not file.is_file():
        raise ConfigurationError(
            f"{file} is a folder; name the file in it" if file.is_dir() else f"{file} does not exist"
        )

    _require_spelling(os.environ)

    class FromFile(Settings):
        model_config = SettingsConfigDict(toml_file=source)

    try:
        return FromFile(**given)
    except ValidationError as error:
        found = findings_of(error, Settings, lambda key: _place(key, source))
        raise ConfigurationError("the settings cannot be used", findings=found) from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{source} is not TOML: {error}") from None
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{source} is not UTF-8 at octet {error.start + 1}") from None
    except SettingsError as error:
        raise ConfigurationError("the settings cannot be used", findings=(_not_json(error),)) from None


def _require_spelling(environment: Iterable[str]) -> None:
    """No variable is a setting misspelt; others may begin like ours, as a container platform makes them."""
    known = [f"GATEWAY_{name.upper()}" for name in Settings.model_fields]
    sections = tuple(f"{name}__" for name in known)
    for name in environment:
        if name.startswith("GATEWAY_") and name not in known and not name.startswith(sections):
            meant = get_close_matches(name, known, 1, cutoff=0.9)
            if meant:
                raise ConfigurationError(f"{name} in the environment is no setting; did you mean {meant[0]}?")


def _place(key: str, source: Path) -> str:
    """Where a setting was said: the environment wins over the file."""
    variable = f"GATEWAY_{key.partition('.')[0].upper()}"
    inside = variable + "__" + key.partition(".")[2].upper().replace(".", "__")
    return next((name for name in (inside, variable) if name in os.environ), str(source))


def _not_json(error: SettingsError) -> Finding:
    """A list or a table in the environment."""
    named = re.search(r'field "(\w+)"', str(error))
    key = named[1] if named else ""
    reason = "in the environment a list or a table is written as JSON"
    return Finding(rule="config.value", params={"file": _place(key, Path()), "key": key, "reason": reason})
