"""Connections to partners, with one deadline for a whole exchange: then the socket is shut down, whoever waits."""

from __future__ import annotations

import socket
from contextlib import suppress
from contextvars import ContextVar
from threading import Condition, Thread
from time import monotonic
from typing import Any, Final

from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

_LONGEST_NAP: Final = 3600.0


class Deadline:
    """Until `whole` seconds from now the connections that this thread makes or takes from a pool of `PromptAdapter`
    are its own; then their socket is shut down and `passed` is true. Making one may take `connect` seconds at most.

    A partner that says something now and then passes every limit on a single read; it does not pass this one.
    """

    __slots__ = ("_before", "_socket", "connect_by", "end", "passed")

    def __init__(self, connect: float, whole: float) -> None:
        now = monotonic()
        self.connect_by = now + min(connect, whole)
        self.end = now + whole
        self.passed = False
        self._socket: socket.socket | None = None

    def __enter__(self) -> Deadline:
        self._before = _CURRENT.set(self)
        _WATCH.add(self)
        return self

    def __exit__(self, *_: object) -> None:
        _CURRENT.reset(self._before)
        _WATCH.remove(self)
        self._let_go()

    def mind(self, used: socket.socket) -> None:
        """Watch this socket, by a name of our own for it: TLS takes the other away from who had it."""
        twin = socket.fromfd(used.fileno(), used.family, used.type)
        with _WATCH.turn:
            self._let_go()
            self._socket = twin
            if self.passed:
                self.shut()

    def hold(self) -> None:
        """Nothing, unless it has passed: then what was read may be half. Raises TimeoutError."""
        if self.passed:
            raise TimeoutError("the deadline has passed")

    def shut(self) -> None:
        """The moment has come; who reads or writes finds the end of the connection."""
        self.passed = True
        if self._socket is not None:
            with suppress(OSError):  # it was closed by the other side
                self._socket.shutdown(socket.SHUT_RDWR)

    def _let_go(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None


class _Watch:
    """The one thread that shuts down what is late. It starts with the first deadline and sleeps to the next."""

    def __init__(self) -> None:
        self.turn = Condition()
        self._open: set[Deadline] = set()
        self._thread: Thread | None = None
        self._wakes = 0.0

    def add(self, deadline: Deadline) -> None:
        with self.turn:
            self._open.add(deadline)
            if self._thread is None or not self._thread.is_alive():  # threads do not live on in a forked process
                self._thread = Thread(target=self._run, name="deadlines", daemon=True)
                self._thread.start()
            elif deadline.end < self._wakes:
                self.turn.notify()

    def remove(self, deadline: Deadline) -> None:
        with self.turn:
            self._open.discard(deadline)

    def _run(self) -> None:
        with self.turn:
            while True:
                now = monotonic()
                for late in [one for one in self._open if one.end <= now]:
                    self._open.remove(late)
                    late.shut()
                self._wakes = min([now + _LONGEST_NAP, *(one.end for one in self._open)])
                self.turn.wait(self._wakes - now)


_WATCH: Final = _Watch()
_CURRENT: Final[ContextVar[Deadline | None]] = ContextVar("deadline", default=None)


class _Prompt(HTTPConnection):
    """A connection that knows the deadline of the thread that uses it."""

    def connect(self) -> None:
        """Connect to the first address that answers, and agree on keys, in the time that there is for both."""
        super().connect()
        self.sock.settimeout(self.timeout)

    def request(self, *args: Any, **kwargs: Any) -> None:
        """Send a request; a connection from the pool belongs to the deadline of this one."""
        deadline = _CURRENT.get()
        if deadline is not None and self.sock is not None:
            deadline.mind(self.sock)
        super().request(*args, **kwargs)

    def _new_conn(self) -> socket.socket:
        deadline = _CURRENT.get()
        if deadline is None:
            return super()._new_conn()
        trouble = OSError("no address")
        for *kind, _, address in socket.getaddrinfo(self._dns_host.strip("[]"), self.port, type=socket.SOCK_STREAM):
            try:
                return self._to(address, kind, deadline)
            except OSError as error:
                trouble = error
        raise trouble

    def _to(self, address: tuple[Any, ...], kind: list[Any], deadline: Deadline) -> socket.socket:
        made = socket.socket(*kind)
        try:
            for option in self.socket_options or ():
                made.setsockopt(*option)
            made.settimeout(_left(deadline))
            made.connect(address)
            made.settimeout(_left(deadline))
            deadline.mind(made)
        except OSError:
            made.close()
            raise
        return made


def _left(deadline: Deadline) -> float:
    """Seconds in which a connection must stand. Raises TimeoutError."""
    left = deadline.connect_by - monotonic()
    if left <= 0:
        raise TimeoutError("no connection in time")
    return left


class _PromptTls(_Prompt, HTTPSConnection):
    """The same with TLS."""


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Prompt


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _PromptTls


class PromptAdapter(HTTPAdapter):
    """A pool whose connections keep to the deadline of who uses them."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}
