"""The town of the demo: keys, database, gateway and simulated partners, each a process, made ready and taken down."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Final, Self
from urllib.parse import urlsplit

from gateway.model import PartnerId, Profile
from gateway.shell.client import Hat, wear
from gateway.shell.config import TREE, Settings
from gateway.shell.demo_ca import make_demo_trust
from gateway.shell.postgres import Postgres
from gateway.shell.processes import Troupe, free_port, python, served

HOST: Final = "127.0.0.1"
BUSINESS_CLOCK: Final = "2026-11-23T06:00:00Z"
"""When it is in the simulated ministry and at the simulated customs, whatever our clocks say: permits have dates."""
SILENCE_SCALE: Final = 0.001
"""Four hours of silence last 14 seconds."""
FIRST_PARTNER_PORT: Final = 8101
_ENDPOINT: Final = re.compile(r"^endpoint *=.*$", re.MULTILINE)
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Resident:
    """A simulated partner: where its own door is, and its record as the gateway reads it."""

    id: PartnerId
    name: Mapping[str, str]
    profile: Profile
    signs_with: str
    port: int
    pulls: bool
    certificate: Path

    @property
    def log_url(self) -> str:
        """Where it tells what it received and answered."""
        return f"http://{HOST}:{self.port}/log"


@dataclass(slots=True, kw_only=True)
class Ports:
    """What the demo listens on; 0 = any free port."""

    console: int = 8080
    doors: int = 8081
    partners: Mapping[str, int] = field(default_factory=dict)


def partner_records() -> dict[PartnerId, dict[str, object]]:
    """The shipped partner records, as written."""
    files = sorted((TREE / "certs" / "partners").glob("*.toml"))
    return {PartnerId(file.stem): tomllib.loads(file.read_text("utf-8")) for file in files}


class Town:
    """`start` makes everything ready; leaving the `with` block stops every process and the database."""

    def __init__(self, state: Path, *, ports: Ports | None = None, say: Say = lambda _text: None) -> None:
        self._state = state.absolute()
        self._say = say
        self._wanted = ports or Ports()
        self._taken: set[int] = set()
        self.database = Postgres(self._state / "database")
        self._troupe: Troupe | None = None
        self.dsn = ""
        self.console_ready = False
        self.residents: dict[PartnerId, Resident] = {}
        self.console_port = self.doors_port = 0

    @property
    def url(self) -> str:
        """The gateway's partner doors."""
        return f"http://{HOST}:{self.doors_port}"

    @property
    def console_url(self) -> str:
        """The operators' console."""
        return f"http://{HOST}:{self.console_port}"

    def hat(self, partner: PartnerId) -> Hat:
        """A resident's own view of itself, with its keys."""
        resident = self.residents[partner]
        keys = sorted((self._state / "demo" / partner).glob(f"{partner}-*.pem"))
        return wear(partner, keys, self._state / "trust", self.url, resident.signs_with)

    def settings(self) -> Settings:
        """The gateway's settings as its processes get them."""
        return Settings.model_validate(self.words())

    def start(self) -> Self:
        """Everything answers. Raises ConfigurationError naming what does not."""
        self._troupe = Troupe(self._state)
        records = partner_records()
        self._choose_ports(records)
        made = make_demo_trust(self._state, [str(partner) for partner in records])
        self._say(f"keys and certificates of the demo: {len(made)} made" if made else "keys and certificates: kept")
        for partner, record in records.items():
            self.residents[partner] = self._resident(partner, record)
            self._write_record(partner)
        self._say("database: starting")
        self.dsn = self.database.start()
        self._say("gateway and partners: starting")
        self.start_gateway(self._troupe)
        self.start_partners(self._troupe)
        self.await_answers(self._troupe)
        told = {"doors": self.url, "console": self.console_url, "dsn": self.dsn,
                "partners": {resident.id: resident.port for resident in self.residents.values()}}  # fmt: skip
        self._note.write_text(json.dumps(told), "utf-8")
        return self

    def join(self, told: Mapping[str, object]) -> None:
        """Know a town that another process started, by what it wrote down."""
        ports, records = told["partners"], partner_records()
        assert isinstance(ports, dict)  # noqa: S101 - our own note
        self.dsn, self.doors_port = str(told["dsn"]), urlsplit(str(told["doors"])).port or 0
        self.console_port, self.console_ready = urlsplit(str(told["console"])).port or 0, True
        self._wanted.partners = {name: int(port) for name, port in ports.items()}
        self.residents = {partner: self._resident(partner, record) for partner, record in records.items()}

    def stop(self) -> None:
        """Every process has ended and the database is down."""
        if self._troupe is not None:
            self._troupe.stop()
            self._note.unlink(missing_ok=True)
        self.database.stop()

    def check(self) -> None:
        """The database is started again if it has died. Raises ConfigurationError when another process has ended."""
        if self._troupe is not None:
            self._troupe.check()
            if self.database.revive():
                self._say("the database had ended; it was started again")

    def __enter__(self) -> Self:
        try:
            return self.start()
        except BaseException:
            self.stop()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    # --- making ready ------------------------------------------------------------------------------------------------
    def _choose_ports(self, records: Mapping[PartnerId, dict[str, object]]) -> None:
        self.console_port = self._port("console", self._wanted.console)
        self.doors_port = self._port("partner doors", self._wanted.doors)
        usual_ports = {name: urlsplit(str(record.get("endpoint", ""))).port or 0 for name, record in records.items()}
        spare = iter(range(FIRST_PARTNER_PORT, FIRST_PARTNER_PORT + 1000))
        for partner in records:
            usual = usual_ports[partner] or next(port for port in spare if port not in usual_ports.values())
            self._wanted.partners = {**self._wanted.partners, partner: self._port(
                partner, self._wanted.partners.get(partner, usual))}  # fmt: skip

    def _port(self, name: str, wanted: int) -> int:
        port = free_port(HOST, wanted, self._taken)
        if wanted and port != wanted:
            self._say(f"port {wanted} is taken; {name} listens on {port}")
        return port

    def _resident(self, partner: PartnerId, record: Mapping[str, object]) -> Resident:
        names, signs_with = record["name"], str(record.get("sign_with", "rsa-sha256"))
        assert isinstance(names, dict)  # noqa: S101 - our own records
        kind = "rsa" if signs_with.startswith("rsa") else "ec"
        profile: Profile = "rest-gw-1" if record.get("profile") == "rest-gw-1" else "soap-gw-1"
        return Resident(
            id=partner,
            name=names,
            profile=profile,
            signs_with=signs_with,
            port=self._wanted.partners[partner],
            pulls=not record.get("endpoint"),
            certificate=self._state / "trust" / f"{partner}-{kind}.pem",
        )

    def _write_record(self, partner: PartnerId) -> None:
        """The partner's record with the port of this run, in a tree laid over the shipped one."""
        resident = self.residents[partner]
        text = (TREE / "certs" / "partners" / f"{partner}.toml").read_text("utf-8")
        if not resident.pulls:
            path = "/soap" if resident.profile == "soap-gw-1" else "/api/v1/messages"
            text = _ENDPOINT.sub(f'endpoint = "http://{HOST}:{resident.port}{path}"', text)
        folder = self._tree / "certs" / "partners"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{partner}.toml").write_text(text, "utf-8")

    @property
    def _note(self) -> Path:
        return self._state / "town.json"

    @property
    def _tree(self) -> Path:
        return self._state / "demo" / "tree"

    def words(self) -> dict[str, object]:
        """The settings of the gateway's processes, by name."""
        return {
            "environment": "demo",
            "state_dir": str(self._state),
            "roots": [str(self._tree)],
            "database_url": self.dsn,
            "host": HOST,
            "port": self.doors_port,
            "console_host": HOST,
            "console_port": self.console_port,
            "silence_scale": SILENCE_SCALE,
            "retry_seconds": [1, 2, 5],
            "pilot_seconds": 1.0,
        }

    def environment(self) -> dict[str, str]:
        """The settings as the environment of a process."""
        return {
            f"GATEWAY_{name.upper()}": value if isinstance(value, str) else json.dumps(value)
            for name, value in self.words().items()
        }

    # --- who lives here: a town of another size says otherwise -------------------------------------------------------
    def start_gateway(self, troupe: Troupe) -> None:
        """The gateway's processes run."""
        env = self.environment()
        troupe.start("worker", python("gateway", "worker"), env)
        troupe.start("doors", served("front", HOST, self.doors_port, threads=8), env)
        self.console_ready = find_spec("gateway.shell.console") is not None
        if self.console_ready:
            troupe.start("console", served("console", HOST, self.console_port, threads=4), env)

    def start_partners(self, troupe: Troupe) -> None:
        """The simulated partners run."""
        for resident in self.residents.values():
            words = ["simulate", str(resident.id), "--port", str(resident.port), "--state", str(self._state)]
            words += ["--gateway", self.url, "--clock", BUSINESS_CLOCK, "--profile", resident.profile]
            words += ["--signs-with", resident.signs_with, *(["--pulls"] if resident.pulls else [])]
            troupe.start(resident.id, python("gateway", *words), {})

    def await_answers(self, troupe: Troupe) -> None:
        """Gateway and partners answer."""
        troupe.await_http(f"{self.url}/ready")
        for resident in self.residents.values():
            troupe.await_http(f"{resident.log_url}?after=1000000000")
        if self.console_ready:
            troupe.await_http(self.console_url)


def standing_town(state: Path, url: str) -> Town | None:
    """The town that another process runs in this state directory; None when its doors are not at `url`."""
    note = state / "town.json"
    told = json.loads(note.read_text("utf-8")) if note.is_file() else {}
    if told.get("doors") != url.rstrip("/"):
        return None
    town = Town(state)
    town.join(told)
    return town
