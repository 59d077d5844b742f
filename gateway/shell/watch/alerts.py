"""Alerts: people are told when something becomes wrong, when it becomes worse, and when it is over. Never a flood."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from importlib import resources
from threading import Event, Thread
from typing import TYPE_CHECKING, Any, Final, LiteralString, Protocol

import psycopg
import structlog
from psycopg.rows import dict_row

from gateway.errors import Busy
from gateway.model import Language
from gateway.shell.rows import jsonb
from gateway.shell.store import Connection
from gateway.shell.watch.conditions import Condition, Limits, conditions

if TYPE_CHECKING:
    from gateway.shell.house import House

EVERY: Final = 30.0
"""Seconds between two looks, by whichever process comes first."""
LOOKED: Final = "looked"
LOCK: Final[LiteralString] = "select pg_try_advisory_xact_lock(hashtextextended('gateway alerts', 0))"
KNOWN: Final[LiteralString] = (
    "select key, kind, level, since, told_at, told_level, words from alert order by since, key"
)
RAISE: Final[LiteralString] = """
insert into alert (key, kind, level, since, words) values (%(key)s, %(kind)s, %(level)s, %(at)s, %(words)s)
on conflict (key) do update set level = excluded.level, words = excluded.words
"""
TOLD: Final[LiteralString] = "update alert set told_at = %(at)s, told_level = level where key = any(%(keys)s)"
OVER: Final[LiteralString] = "delete from alert where key = any(%(keys)s)"

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """One thing to tell. `turn` is `raised`, `worse`, `again` or `over`."""

    turn: str
    kind: str
    since: datetime
    words: dict[str, str]

    def title(self, language: Language) -> str:
        """One line."""
        return f"{book(language)[self.turn]}: {book(language)[self.kind]['title'].format(**self.words)}"

    def text(self, language: Language) -> str:
        """What is wrong, since when, and what to do."""
        own = book(language)
        parts = [self.title(language), own["since"].format(since=f"{self.since:%Y-%m-%d %H:%M} UTC")]
        if self.turn != "over":
            parts += [own[self.kind][name].format(**self.words) for name in ("text", "do")]
        return "\n".join(parts)


class Messenger(Protocol):
    """Carries news to people or to their tools; OSError when it could not."""

    def tell(self, news: Sequence[News]) -> None:
        """All of it in one message."""
        ...


@cache
def book(language: Language) -> dict[str, Any]:
    """The words of alerts in a language."""
    return tomllib.loads(resources.files("gateway").joinpath("words", f"alerts.{language}.toml").read_text("utf-8"))


class Alerts:
    """Looks at the house now and then. What people know is in the database: processes may come and go."""

    def __init__(
        self,
        house: House,
        messengers: Sequence[Messenger],
        *,
        limits: Limits | None = None,
        remind: timedelta = timedelta(hours=24),
    ) -> None:
        self._house = house
        self._messengers = messengers
        self._limits = limits or Limits()
        self._remind = remind

    def look(self) -> tuple[News, ...]:
        """Tell what is new since somebody looked last; returns what was told. Nothing while another one looks."""
        now = self._house.setup.clock()
        with self._house.store.transaction() as connection:
            row = connection.execute(LOCK).fetchone()
            if row is None or not row[0] or not _my_turn(connection, now):
                return ()
            found = conditions(self._house, self._limits, now)
            return self._told(connection, found, now)

    def watch(self, stop: Event, every: float = EVERY) -> Thread:
        """Look now and then until `stop` is set; returns the thread that does."""

        def again() -> None:
            while not stop.wait(every):
                try:
                    self.look()
                except (Busy, psycopg.Error) as error:
                    log.warning("alerts.cannot-look", error=str(error) or type(error).__name__)

        thread = Thread(target=again, name="alerts", daemon=True)
        thread.start()
        return thread

    def _told(self, connection: Connection, found: Iterable[Condition], now: datetime) -> tuple[News, ...]:
        """News were told before the database knows that they were: better twice than never."""
        wrong = {one.key: one for one in found}
        for one in wrong.values():
            row = {"key": one.key, "kind": one.kind, "level": one.level, "at": now, "words": jsonb(dict(one.words))}
            connection.execute(RAISE, row)
        with connection.cursor(row_factory=dict_row) as cursor:
            known = [row for row in cursor.execute(KNOWN).fetchall() if row["key"] != LOOKED]
        turns = {row["key"]: self._turn(row, row["key"] in wrong, now) for row in known}
        news = tuple(
            News(turn=turn, kind=row["kind"], since=row["since"], words=row["words"])
            for row in known if (turn := turns[row["key"]])
        )  # fmt: skip
        if news and not self._tell(news):
            return ()
        connection.execute(TOLD, {"at": now, "keys": [key for key, turn in turns.items() if turn]})
        connection.execute(OVER, {"keys": [row["key"] for row in known if row["key"] not in wrong]})
        return news

    def _turn(self, row: dict[str, Any], wrong: bool, now: datetime) -> str:
        """What there is to tell of a condition; empty = nothing."""
        if row["told_at"] is None:
            return "raised" if wrong else ""
        if not wrong:
            return "over"
        if row["level"] > row["told_level"]:
            return "worse"
        return "again" if now - row["told_at"] >= self._remind else ""

    def _tell(self, news: Sequence[News]) -> bool:
        """True when at least one messenger got through, or there is none but the log."""
        done = not self._messengers
        for one in news:
            log.warning(
                "alert", turn=one.turn, kind=one.kind, **{f"about_{name}": word for name, word in one.words.items()}
            )
        for messenger in self._messengers:
            try:
                messenger.tell(news)
                done = True
            except OSError as error:
                log.warning("alert.not-told", messenger=type(messenger).__name__, error=str(error))
        return done


def _my_turn(connection: Connection, now: datetime) -> bool:
    """Nobody looked just now."""
    row = connection.execute("select since from alert where key = %s", [LOOKED]).fetchone()
    if row is not None and (now - row[0]).total_seconds() < EVERY / 2:
        return False
    words = "insert into alert (key, kind, level, since, words) values (%s, 'looked', 0, %s, '{}') "
    connection.execute(words + "on conflict (key) do update set since = excluded.since", [LOOKED, now])
    return True
