"""Alerts: people are told when something becomes wrong, when it becomes worse, and when it is over. Never a flood."""

from __future__ import annotations

import tomllib
from collections import defaultdict
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
from gateway.shell.watch.conditions import Condition, Limits, conditions

if TYPE_CHECKING:
    from gateway.shell.house import House

EVERY: Final = 30.0
"""Seconds between two looks, by whichever process comes first."""
AT_MOST: Final = 150.0
"""Seconds after which one who looks, and did not say that it is done, is taken for dead: messengers may take a minute,
and the database its time.
"""
LOOKED: Final = "looked"
TURN: Final[LiteralString] = """
insert into alert (key, kind, level, since, words) values (%(looked)s, %(looked)s, 1, %(at)s, '{}')
on conflict (key) do update set level = 1, since = excluded.since
where abs(extract(epoch from excluded.since - alert.since))
  >= case when alert.level = 1 then %(at_most)s::float8 else %(pause)s::float8 end
returning key
"""
"""The row `looked`: when somebody looked last, and at level 1 that it has not done yet."""
DONE: Final[LiteralString] = "update alert set level = 0 where key = %(looked)s and since = %(at)s"
KNOWN: Final[LiteralString] = (
    "select key, kind, level, since, told_at, told_level, words from alert where kind = any(%s) order by since, key"
)
RAISE: Final[LiteralString] = """
insert into alert (key, kind, level, since, words) values (%(key)s, %(kind)s, %(level)s, %(at)s, %(words)s)
on conflict (key) do update set level = excluded.level, words = excluded.words
"""
TOLD: Final[LiteralString] = "update alert set told_at = %(at)s, told_level = %(level)s where key = %(key)s"
OVER: Final[LiteralString] = "delete from alert where key = any(%s)"

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """One thing to tell. `turn` is `raised`, `worse`, `again` or `over`; `key` and `level` are the condition's."""

    turn: str
    key: str
    kind: str
    level: int
    since: datetime
    words: dict[str, str]

    def title(self, language: Language) -> str:
        """One line."""
        return f"{book(language)[self.turn]}: {self._say(book(language)[self.kind]['title'])}"

    def text(self, language: Language) -> str:
        """What is wrong, since when, and what to do."""
        own = book(language)
        parts = [self.title(language), own["since"].format(since=f"{self.since:%Y-%m-%d %H:%M} UTC")]
        if self.turn != "over":
            parts += [self._say(own[self.kind][name]) for name in ("text", "do")]
        return "\n".join(parts)

    def _say(self, words: str) -> str:
        """What another version of us did not write down is a question mark."""
        return words.format_map(defaultdict(lambda: "?", self.words))


class Messenger(Protocol):
    """Carries news to people or to their tools; raises when it could not."""

    def tell(self, news: Sequence[News]) -> None:
        """All of it in one message."""
        ...


@cache
def book(language: Language) -> dict[str, Any]:
    """The words of alerts in a language."""
    return tomllib.loads(resources.files("gateway").joinpath("words", f"alerts.{language}.toml").read_text("utf-8"))


@cache
def kinds() -> list[str]:
    """What we have words for; other kinds are those of another version, which tells them itself."""
    return [kind for kind, words in book("en").items() if isinstance(words, dict)]


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
        """Tell what is new since somebody looked last; returns what was told. Nothing while another one looks.

        Whose turn it is, what is news and what was told are three commits: while people are told nothing is held.
        """
        now = self._house.setup.clock()
        turn = {"looked": LOOKED, "at": now, "at_most": AT_MOST, "pause": EVERY / 2}
        if self._house.store.write(TURN, turn) is None:
            return ()
        try:
            news = self._news(conditions(self._house, self._limits, now), now)
            told = news if news and self._tell(news) else ()
            self._note(told, now)
            return told
        finally:
            self._house.store.run(lambda connection: connection.execute(DONE, turn))

    def watch(self, stop: Event, every: float = EVERY) -> Thread:
        """Look now and then until `stop` is set; returns the thread that does. A look that fails is told in the log."""

        def again() -> None:
            while not stop.wait(every):
                try:
                    self.look()
                except (Busy, psycopg.Error) as error:
                    log.warning("alerts.cannot-look", error=_cause(error))
                except Exception as error:  # who watches the others goes on whatever happens
                    log.exception("alerts.cannot-look", error=_cause(error))

        thread = Thread(target=again, name="alerts", daemon=True)
        thread.start()
        return thread

    def _news(self, found: Iterable[Condition], now: datetime) -> tuple[News, ...]:
        """What is wrong is written down; returns what people do not know of it. What nobody was told of just ends."""
        wrong = {one.key: one for one in found if one.kind in kinds()}
        with self._house.store.transaction() as connection:
            for one in wrong.values():
                row = {"key": one.key, "kind": one.kind, "level": one.level, "at": now, "words": jsonb(dict(one.words))}
                connection.execute(RAISE, row)
            with connection.cursor(row_factory=dict_row) as cursor:
                known = cursor.execute(KNOWN, [kinds()]).fetchall()
            untold = [row["key"] for row in known if row["told_at"] is None and row["key"] not in wrong]
            connection.execute(OVER, [untold])
        return tuple(
            News(turn=turn, **{name: row[name] for name in ("key", "kind", "level", "since", "words")})
            for row in known if (turn := self._turn(row, row["key"] in wrong, now))
        )  # fmt: skip

    def _note(self, told: Sequence[News], now: datetime) -> None:
        """News were told before the database knows that they were: better twice than never."""
        if not told:
            return
        with self._house.store.transaction() as connection:
            connection.execute(OVER, [[one.key for one in told if one.turn == "over"]])
            for one in told:
                connection.execute(TOLD, {"at": now, "key": one.key, "level": one.level})

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
            except Exception as error:  # noqa: BLE001 - one that fails keeps no other from speaking
                log.warning("alert.not-told", messenger=type(messenger).__name__, error=_cause(error))
        return done


def _cause(error: Exception) -> str:
    """What happened, in one line."""
    return f"{type(error).__name__}: {error}"
