"""A simulated partner as a program of its own: a door, a clerk who answers, a messenger and, where needed, a puller."""

from __future__ import annotations

import importlib
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Any, Final
from uuid import uuid4

import structlog
from flask import Flask, Response, jsonify, request
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from gateway.errors import ConfigurationError, GatewayError
from gateway.model import (
    NOTICE_TYPE,
    Claims,
    DocumentType,
    MessageId,
    PartnerId,
    Profile,
    Sealed,
    Wire,
)
from gateway.setup import OWN_ID
from gateway.shell.client import Client, Hat, Letter
from gateway.shell.host_book import HostBook, Owed, Task
from gateway.shell.host_door import HostDoor
from gateway.shell.host_faults import Faults
from gateway.shell.host_puller import Puller
from gateway.shell.partner_probe import PING
from gateway.simulation import Reply

Behaviour = Callable[[DocumentType, bytes, Claims, datetime], list[Reply]]
RUN_MARK: Final = "@run-"
"""A conversation id that ends in this mark and a name belongs to one playing of the demo and has books of its own."""
LOOK_EVERY: Final = 0.2
PATIENCE: Final = 1.0
"""Seconds between two tries to hand an answer to the gateway."""
_KEPT_RUNS: Final = 5
log = structlog.get_logger("partner")


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """Who is simulated and how: `profile` is how it speaks to the gateway, `pulls` whether it fetches its messages.

    `ahead` is how far its business clock is ahead of ours.
    """

    hat: Hat
    profile: Profile
    folder: Path
    pulls: bool = False
    ahead: timedelta = timedelta(0)


class PartnerHost:
    """`start` serves on a port until `stop`; kill it at any moment and the next start goes on where it was."""

    def __init__(self, role: Role) -> None:
        self._role = role
        self._book = HostBook(role.folder / "host.sqlite")
        self._behaviours: dict[str, Behaviour] = {}
        self._client = Client(role.hat)
        self._work, self._post, self._stop = Event(), Event(), Event()
        self._door = HostDoor(role.hat, self._book, self._work.set)
        self._threads: list[Thread] = []
        self._server: BaseWSGIServer | None = None
        self._lock = Lock()
        _forget_old_runs(role.folder)

    def start(self, host: str, port: int) -> None:
        """The door is open and everything owed is being worked on."""
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        app = Faults(self.app())
        self._server = make_server(host, port, app, threaded=True, request_handler=_KeepAlive)
        jobs = [self._clerk, self._messenger, self._server.serve_forever]
        if self._role.pulls:
            jobs.append(self._pull)
        self._threads = [Thread(target=job, daemon=True, name=job.__name__) for job in jobs]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Nothing new is taken; what is in hand is finished."""
        self._stop.set()
        self._work.set()
        self._post.set()
        if self._server is not None:
            self._server.shutdown()
        for thread in self._threads:
            thread.join(timeout=5)

    def app(self) -> Flask:
        """The door as a WSGI application; `/log` tells what came and what was answered."""
        app = Flask("partner")

        @app.post("/soap")
        def soap() -> Response:
            return _spell(self._door.receive(_wire(), "soap-gw-1"))

        @app.post("/api/v1/messages")
        def rest() -> Response:
            return _spell(self._door.receive(_wire(), "rest-gw-1"))

        @app.get("/log")
        def told() -> Response:
            after, bare = request.args.get("after", 0, int), "bare" in request.args
            return jsonify(partner=self._role.hat.id, **self._book.log(after, bare=bare))

        return app

    # --- the clerk ---------------------------------------------------------------------------------------------------
    def _clerk(self) -> None:
        """Works on documents in the order they came."""
        while not self._stop.is_set():
            task = self._book.next_task()
            if task is None:
                self._work.wait(LOOK_EVERY)
                self._work.clear()
                continue
            self._answer(task)
            self._post.set()

    def _answer(self, task: Task) -> None:
        now, note = datetime.now(UTC), ""
        replies: list[Reply] = []
        try:
            if task.type not in (NOTICE_TYPE, PING):
                claims = _claims(task, self._role.hat.id)
                replies = self._behaviour(task.conversation)(task.type, task.payload, claims, now + self._role.ahead)
        except Exception as error:  # noqa: BLE001 - a document that the business cannot read stays in the book, marked
            note = f"{type(error).__name__}: {error}"[:500]
            log.warning("not-understood", message=task.message_id, reason=note)
        owed = [(MessageId(f"urn:uuid:{uuid4()}"), reply) for reply in replies]
        self._book.done(task, owed, now, note)

    def _behaviour(self, conversation: str) -> Behaviour:
        """The business of this partner over the books that the conversation belongs to."""
        run = conversation.rpartition(RUN_MARK)[2] if RUN_MARK in conversation else "main"
        with self._lock:
            if run not in self._behaviours:
                books = self._role.folder / "books" / run
                books.mkdir(parents=True, exist_ok=True)
                self._behaviours[run] = behaviour_of(self._role.hat.id)(str(books))
            return self._behaviours[run]

    # --- the messenger -----------------------------------------------------------------------------------------------
    def _messenger(self) -> None:
        """Hands over every answer that is due, and tries until the gateway's receipt is there."""
        while not self._stop.is_set():
            owed = self._book.next_owed(datetime.now(UTC))
            if owed is None:
                self._post.wait(LOOK_EVERY)
                self._post.clear()
            elif not self._hand_over(owed):
                self._stop.wait(PATIENCE)

    def _hand_over(self, owed: Owed) -> bool:
        letter = Letter(payload=owed.payload, type=owed.type, conversation_id=owed.conversation,
                        relates_to=owed.relates_to, message_id=owed.message_id)  # fmt: skip
        try:
            outcome = self._client.send(letter, self._role.profile)
        except GatewayError as error:
            log.warning("not-sent", message=owed.message_id, reason=error.detail)
            return False
        if outcome.code and not outcome.proven:
            log.warning("not-sent", message=owed.message_id, code=outcome.code, reason=outcome.text)
            return False
        if outcome.code and outcome.status not in range(400, 500):
            return False
        self._book.sent(owed.message_id, outcome.code)
        return True

    # --- the puller --------------------------------------------------------------------------------------------------
    def _pull(self) -> None:
        puller = Puller(self._role.hat, self._book, self._work.set)
        while not self._stop.is_set():
            try:
                found = puller.once()
            except GatewayError as error:
                log.warning("not-pulled", code=error.code, reason=error.detail)
                self._stop.wait(PATIENCE)
                continue
            if not found:
                self._stop.wait(LOOK_EVERY)


class _KeepAlive(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Says nothing."""


def behaviour_of(partner: str) -> Callable[[str], Behaviour]:
    """The `simulator` of an adapter. Raises ConfigurationError when it brings none."""
    try:
        found: Callable[[str], Behaviour] = importlib.import_module(f"adapters.{partner}.simulator").simulator
    except (ImportError, AttributeError):
        raise ConfigurationError(f"adapters/{partner} brings no simulator") from None
    return found


def magic_keys_of(partner: str) -> list[tuple[str, str]]:
    """Values that make a simulated partner behave as wanted, with what they do: `MAGIC_KEYS` of its simulator."""
    told = getattr(importlib.import_module(f"adapters.{partner}.simulator"), "MAGIC_KEYS", ())
    if isinstance(told, Mapping):
        return [(str(key), str(effect)) for key, effect in told.items()]
    return [(f"{magic.prefix}…", magic.effect) for magic in told]


def _claims(task: Task, partner: PartnerId) -> Claims:
    return Claims(message_id=task.message_id, action=task.type, to="", sender=OWN_ID, receiver=partner,
                  conversation_id=task.conversation)  # fmt: skip


def _forget_old_runs(folder: Path) -> None:
    """Books of playings long past go; those of the last few stay for people to look at."""
    runs = sorted((entry for entry in (folder / "books").glob("[0-9]*") if entry.is_dir()), key=lambda run: run.name)
    for old in runs[:-_KEPT_RUNS]:
        for file in old.iterdir():
            file.unlink()
        old.rmdir()


def _wire() -> Wire:
    target: Any = request.environ.get("RAW_URI") or request.environ.get("REQUEST_URI") or request.path
    return Wire(
        body=request.get_data(cache=False),
        content_type=request.headers.get("Content-Type", ""),
        peer=request.remote_addr or "",
        received_at=datetime.now(UTC),
        method=request.method,
        authority=request.headers.get("Host", "").lower(),
        target=str(target),
        headers=tuple((name.lower(), value) for name, value in request.headers.items()),
    )


def _spell(sealed: Sealed) -> Response:
    response = Response(sealed.body, status=sealed.status)
    response.headers["Content-Type"] = sealed.content_type
    for name, value in sealed.headers:
        response.headers[name] = value
    return response
