"""Machines of a test as Linux knows them: network namespaces on one bridge, whose cables can be pulled. Root only."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from tests.towns import Machine


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """`bridge` is the address at which this process is reached; every machine has its own beside it."""

    bridge: str
    machines: dict[str, Machine]
    cables: dict[str, str]

    @property
    def subnet(self) -> str:
        """All addresses here."""
        return f"{self.bridge.rpartition('.')[0]}.0/24"

    def cut(self, *names: str) -> None:
        """Nothing reaches these machines, and nothing comes from them."""
        for name in names:
            _ip("link", "set", self.cables[name], "down")

    def mend(self, *names: str) -> None:
        """Everything does again."""
        for name in names:
            _ip("link", "set", self.cables[name], "up")


@contextmanager
def network(names: Sequence[str]) -> Iterator[Network]:
    """A machine for each name; nothing is left of them. Raises OSError where that is not allowed."""
    number = os.getpid()
    tag, bridge = f"gw{number % 0x10000:04x}", f"10.{64 + number % 64}.{number // 64 % 256}.1"
    places = {name: f"{tag}-{place}" for place, name in enumerate(names, 11)}
    made = {}
    try:
        _ip("link", "add", tag, "type", "bridge")
        _ip("addr", "add", f"{bridge}/24", "dev", tag)
        _ip("link", "set", tag, "up")
        for name, space in places.items():
            made[name] = _machine(name, space, tag, bridge)
        yield Network(bridge=bridge, machines=made, cables=places)
    finally:
        for space in places.values():
            _ip("netns", "delete", space, strict=False)
            _ip("link", "delete", space, strict=False)
        _ip("link", "delete", tag, strict=False)


def why_not() -> str:
    """Why there can be no network here; empty when there can."""
    if os.name != "posix" or os.geteuid() != 0 or shutil.which("ip") is None:
        return "needs root and iproute2"
    space = f"gw{os.getpid() % 0x10000:04x}-try"
    try:
        _ip("netns", "add", space)
        _ip("link", "add", space, "type", "bridge")
    except OSError as error:
        return str(error)
    finally:
        _ip("link", "delete", space, strict=False)
        _ip("netns", "delete", space, strict=False)
    return ""


def _machine(name: str, space: str, bridge: str, gate: str) -> Machine:
    host = f"{gate.rpartition('.')[0]}.{space.rpartition('-')[2]}"
    _ip("netns", "add", space)
    _ip("link", "add", space, "type", "veth", "peer", "name", "eth0", "netns", space)
    _ip("link", "set", space, "master", bridge, "up")
    for words in (
        ("addr", "add", f"{host}/24", "dev", "eth0"),
        ("link", "set", "eth0", "up"),
        ("link", "set", "lo", "up"),
    ):
        _ip("-n", space, *words)
    return Machine(name=name, host=host, prefix=("ip", "netns", "exec", space))


def _ip(*words: str, strict: bool = True) -> None:
    done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
    if strict and done.returncode != 0:
        raise OSError(f"ip {' '.join(words)}: {done.stderr.strip()}")
