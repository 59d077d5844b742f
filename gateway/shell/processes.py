"""Child processes that start together, are watched, and stop together; a run that was killed is cleaned up after."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import ProxyHandler, build_opener

from gateway.errors import ConfigurationError
from gateway.shell.logs import SERVER_LOG
from gateway.shell.postgres import command_of

TICK = 0.05
_LAST = 1500
"""Octets of what a child said that are shown when it has ended."""
GRACE = 20.0
"""Seconds a process has to finish what is in hand before it is killed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Child:
    """One process and what to call it."""

    name: str
    process: subprocess.Popen[bytes]
    env: Mapping[str, str]
    log: Path | None
    begins: int

    def last_words(self) -> str:
        """Where it spoke, with the end of what it said since this start where that is a file."""
        if self.log is None:
            return "what it said is above"
        with self.log.open("rb") as said:
            said.seek(max(self.begins, self.log.stat().st_size - _LAST))
            return f"{self.log} says:\n{said.read().decode('utf-8', 'replace')}"


class Troupe:
    """The children of one command; the last started stops first.

    Their output is that of the command when it is `aloud`, else it goes to `state/logs/<name>.log`; there what the run
    before said is `<name>.log.1`.
    """

    def __init__(self, state: Path, *, aloud: bool = False) -> None:
        self._logs = None if aloud else state / "logs"
        self._roll = state / "processes.json"
        self._children: list[Child] = []
        state.mkdir(parents=True, exist_ok=True)
        self._sweep()
        if self._logs is not None:
            self._logs.mkdir(exist_ok=True)
            for log in self._logs.glob("*.log"):
                log.replace(log.with_suffix(".log.1"))

    def start(self, name: str, command: Sequence[str], env: Mapping[str, str]) -> None:
        """A new process runs, in a session of its own: signals of the terminal reach it only through us."""
        log = self._logs / f"{name}.log" if self._logs else None
        with log.open("ab") if log else nullcontext() as stream:
            begins = stream.tell() if stream else 0
            process = subprocess.Popen(  # noqa: S603 - our own programs
                [*command], stdin=subprocess.DEVNULL, stdout=stream, stderr=stream, env={**os.environ, **env},
                start_new_session=True,
            )  # fmt: skip
        self._children.append(Child(name=name, process=process, env=env, log=log, begins=begins))
        self._write()

    def check(self) -> None:
        """Raises ConfigurationError with its last words when one of them has ended."""
        for child in self._children:
            code = child.process.poll()
            if code is not None:
                raise ConfigurationError(f"{child.name} ended with code {code}; {child.last_words()}")

    def names(self) -> list[str]:
        """All of them, in the order in which they were started."""
        return [child.name for child in self._children]

    def pid(self, name: str) -> int:
        """The process id of one of them."""
        return next(child.process.pid for child in self._children if child.name == name)

    def has_ended(self, name: str) -> bool:
        """True when this one runs no more."""
        return any(child.name == name and child.process.poll() is not None for child in self._children)

    def renew(self) -> list[str]:
        """Those that had ended were started again, with the same words; their names."""
        ended = [child for child in self._children if child.process.poll() is not None]
        for child in ended:
            end_group(child.process.pid)
            self._children.remove(child)
            command = child.process.args
            assert isinstance(command, list)  # noqa: S101 - as `start` gave it
            self.start(child.name, command, child.env)
        return [child.name for child in ended]

    def await_http(self, url: str, seconds: float = 60.0) -> None:
        """Something answers at this address. Raises ConfigurationError when it does not, or a child ended."""
        end = time.monotonic() + seconds
        while not answers(url):
            self.check()
            if time.monotonic() > end:
                raise ConfigurationError(f"nothing answers at {url} after {seconds:.0f} s")
            time.sleep(TICK)

    def stop(self) -> None:
        """All have ended, with every process they started: each was asked, and killed only when it did not listen."""
        for child in reversed(self._children):
            with suppress(ProcessLookupError):
                child.process.send_signal(signal.SIGTERM)
        end = time.monotonic() + GRACE
        for child in reversed(self._children):
            try:
                child.process.wait(max(0.1, end - time.monotonic()))
            except subprocess.TimeoutExpired:
                child.process.kill()
                child.process.wait()
            end_group(child.process.pid)
        self._children.clear()
        self._roll.unlink(missing_ok=True)

    def _write(self) -> None:
        own = [os.getpid(), command_of(os.getpid()).split()]
        roll = [own, *([child.process.pid, child.process.args] for child in self._children)]
        self._roll.write_text(json.dumps(roll), "utf-8")

    def _sweep(self) -> None:
        """End what a killed run left behind; a number that now belongs to another program is left alone.

        A child that was killed may have left children of its own, which hold its port. Raises ConfigurationError when
        that run is alive: two on one state directory would fight.
        """
        try:
            roll = json.loads(self._roll.read_text("utf-8"))
        except (FileNotFoundError, ValueError):
            return
        alive = [pid for pid, command in roll if command_of(pid).split() == " ".join(command).split()]
        if roll and roll[0][0] in alive and roll[0][0] != os.getpid():
            raise ConfigurationError(
                f"process {roll[0][0]} runs here already: {self._roll.parent}. Stop it, or name another state directory"
            )
        for pid in alive:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        for pid, command in roll[1:]:
            if pid not in alive and any(command_of(member).split()[:1] == command[:1] for member in group_of(pid)):
                end_group(pid)
        self._roll.unlink(missing_ok=True)


def group_of(leader: int) -> list[int]:
    """The living processes of the group that `leader` made, itself included."""
    found = []
    for pid in _pids():
        with suppress(ProcessLookupError, PermissionError):
            if os.getpgid(pid) == leader:
                found.append(pid)
    return [pid for pid in found if command_of(pid)]


def family_of(pid: int) -> list[int]:
    """A process and all that descend from it, itself first."""
    children: dict[int, list[int]] = {}
    for other in _pids():
        children.setdefault(_parent(other), []).append(other)
    found = [pid]
    for member in found:
        found.extend(children.get(member, ()))
    return found


def signal_family(pid: int, number: int) -> None:
    """A process and all that descend from it get this signal."""
    for member in family_of(pid):
        with suppress(ProcessLookupError):
            os.kill(member, number)


def _parent(pid: int) -> int:
    proc = Path("/proc")
    try:
        if (proc / "self").exists():
            return int((proc / str(pid) / "stat").read_text("utf-8", "replace").rpartition(")")[2].split()[1])
        told = subprocess.run(["/bin/ps", "-o", "ppid=", "-p", str(pid)], capture_output=True, text=True, check=False)  # noqa: S603
        return int(told.stdout or 0)
    except (OSError, IndexError):
        return 0


def end_group(leader: int) -> None:
    """Nobody of this group runs any more; call it only for a group of ours whose leader has ended."""
    for number, patience in ((signal.SIGTERM, 5.0), (signal.SIGKILL, 5.0)):
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(leader, number)
        end = time.monotonic() + patience
        while group_of(leader) and time.monotonic() < end:
            time.sleep(TICK)


def _pids() -> list[int]:
    """Every process there is."""
    proc = Path("/proc")
    if (proc / "self").exists():
        return [int(place.name) for place in proc.iterdir() if place.name.isdecimal()]
    listed = subprocess.run(["/bin/ps", "-axo", "pid="], capture_output=True, text=True, check=False)
    return [int(word) for word in listed.stdout.split()]


def answers(url: str) -> bool:
    """True when an HTTP server answers there, whatever it says."""
    try:
        with build_opener(ProxyHandler({})).open(url, timeout=5):
            return True
    except HTTPError:
        return True
    except (URLError, OSError):
        return False


def is_free(host: str, port: int) -> bool:
    """True when a server could listen there."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def free_port(host: str, wanted: int, taken: set[int]) -> int:
    """`wanted` if nobody listens there and it is not promised yet, else any free port; it is then promised."""
    port = wanted
    if not wanted or wanted in taken or not is_free(host, wanted):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.bind((host, 0))
            port = int(probe.getsockname()[1])
        if port in taken:
            return free_port(host, 0, taken)
    taken.add(port)
    return port


def python(module: str, *words: str) -> list[str]:
    """A command that runs a module in this Python."""
    return [sys.executable, "-m", module, *words]


def served(factory: str, host: str, port: int, *, threads: int, workers: int = 1) -> list[str]:
    """A command that serves `gateway.app:<factory>`; `front`, the ASGI one, keeps its threads itself."""
    face = ["asginl"] if factory == "front" else ["wsgi", "--blocking-threads", str(threads)]
    words = ["--interface", *face, "--factory", "--no-ws", "--http", "1", "--log-level", "warning", "--host", host]
    words += ["--port", str(port), "--workers", str(workers), "--workers-kill-timeout", "15"]
    words += ["--log-config", str(SERVER_LOG)]
    return python("granian", *words, f"gateway.app:{factory}")
