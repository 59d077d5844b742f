"""Where a life can end: a store and a courier that tell each step they pass, so that a test can end the process there.

Nothing of this is in the gateway: the stores and couriers here take the place of its own in processes of the tests.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
import re
import signal
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from pathlib import Path
from threading import Event
from typing import Any, LiteralString, TypeVar

import gateway.shell
from gateway.model import Sealed, Wire
from gateway.ports import Courier
from gateway.shell.store import Connection, Row, Store

Result = TypeVar("Result")
Pass = Callable[[str], None]
_WRITES = re.compile(r"\b(insert into|update|delete from|link_evidence)\b")


class Points:
    """Passing a point does nothing, unless the file `arm` names it: then this process is killed or stopped there."""

    def __init__(self, half: str, arm: Path) -> None:
        self._half = half
        self._arm = arm

    def __call__(self, step: str) -> None:
        """This process passes a step."""
        try:
            act, _, point = self._arm.read_text("ascii").partition(" ")
        except FileNotFoundError:
            return
        if point == f"{self._half}.{step}":
            self._arm.unlink()
            os.kill(os.getpid(), signal.SIGSTOP if act == "stop" else signal.SIGKILL)
            Event().wait(0.2)  # the signal meets another thread first: this one must not run on meanwhile


def writing_statements() -> dict[str, str]:
    """Every constant of the shell that holds a statement that writes, by its text: what it is called.

    Parts of statements (`_PART`) are not statements; `ACCEPT_UNASKED` is ACCEPT without what concerns a question.
    """
    found: dict[str, str] = {}
    for module in pkgutil.iter_modules(gateway.shell.__path__, "gateway.shell."):
        if module.ispkg:
            continue
        for name, text in vars(importlib.import_module(module.name)).items():
            if isinstance(text, str) and name.isupper() and not name.startswith("_") and _WRITES.search(text.lower()):
                found.setdefault(text, name.removesuffix("_UNASKED"))
    return found


NAMES = writing_statements()


class PointedStore(Store):
    """The store of the gateway that tells what it writes; `told` is set by whoever starts the life."""

    told: Pass = staticmethod(lambda _step: None)

    def write(self, statement: LiteralString, row: Row, *months: datetime) -> Any:
        """One statement: told before it and after its commit."""
        name = step_name(statement, row)
        if name:
            self.told(f"{name}.before")
        done = super().write(statement, row, *months)
        if name:
            self.told(f"{name}.after")
        return done

    def both(
        self, statement: LiteralString, row: Row, follow: LiteralString, also: Row | None, *months: datetime
    ) -> bool:
        """Two statements in one transaction: told before, between, when both are done, and after the commit."""
        if also is None:
            return super().both(statement, row, follow, also, *months)
        name = f"{step_name(statement, row)}+{step_name(follow, also)}"

        def work(connection: Connection) -> bool:
            with connection.transaction():
                self.told(f"{name}.before")
                done = connection.execute(statement, row).fetchone() is not None
                self.told(f"{name}.between")
                if done:
                    connection.execute(follow, also)
                self.told(f"{name}.uncommitted")
            self.told(f"{name}.after")
            return done

        return self.run(work, *months)


def step_name(statement: str, row: Row) -> str:
    """What a writing statement is called here; the one that keeps messages is told apart by what it keeps."""
    name = NAMES.get(statement, "").lower()
    if name == "accept" and isinstance(row, dict):
        if row.get("event") == "notice":
            return "notice"
        return "accept-answer" if row.get("answers") else "accept"
    return name


class PointedCourier:
    """A courier that tells before and after each sending."""

    def __init__(self, courier: Courier, told: Pass, sent: Path) -> None:
        self._courier = courier
        self._told = told
        self._sent = sent

    def deliver(self, endpoint: str, sealed: Sealed) -> Wire:
        """Send, and tell; what is sent is noted in a file."""
        self._told("send.before")
        with self._sent.open("a", encoding="ascii") as file:
            file.write(f"{sealed.message_id}\n")
        try:
            return self._courier.deliver(endpoint, sealed)
        finally:
            self._told("send.after")


class PointedDoors:
    """A WSGI application that tells before its answer leaves and after it has left."""

    def __init__(self, app: Callable[..., Iterable[bytes]], told: Pass, only: str) -> None:
        self._app = app
        self._told = told
        self._only = only

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer, and tell."""
        if not re.search(self._only, environ["PATH_INFO"]):
            return self._app(environ, start_response)
        step = {"POST": "answer", "GET": "handout"}[environ["REQUEST_METHOD"]]
        if environ["PATH_INFO"].endswith("/receipt"):
            step = "receipt-answer"
        content = b"".join(self._app(environ, start_response))
        self._told(f"{step}.before")
        return self._leave(content, step)

    def _leave(self, content: bytes, step: str) -> Iterator[bytes]:
        try:
            yield content
        finally:
            self._told(f"{step}.after")
