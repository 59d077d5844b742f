"""`gateway lanes`: what waits for whom and until when, what died, and what a person does about it."""

from __future__ import annotations

import getpass
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, Final
from uuid import UUID

import typer

from gateway.cli.place import Config, StateDir, open_store, partners_of, registry_of, settings_at
from gateway.cli.say import Json, emit, one_of, rows, wrong_use

if TYPE_CHECKING:
    from pathlib import Path

    from gateway.shell.config import Settings
    from gateway.shell.deadlines import Held
    from gateway.shell.lanes import LaneCount
    from gateway.terms import Contact

_SHOWN: Final = 120
"""Letters of what a partner's door said that are shown; --json has all of them."""
app = typer.Typer(help="The lanes to the partners, what waits in them, and what could not be delivered.")
Lane = Annotated[str, typer.Argument(help="The lane: a partner's id, or partner/channel.")]
Why = Annotated[str, typer.Option("--why", help="The reason; it is kept in the evidence.")]
Who = Annotated[str, typer.Option("--who", help="Who does it, if not the user who is logged in.")]


@app.callback(invoke_without_command=True)
def lanes(context: typer.Context, as_json: bool = Json, config: Config = None, state: StateDir = None) -> None:
    """The lanes to the partners, what waits in them, and what could not be delivered; alone it is `list`."""
    if context.invoked_subcommand is None:
        show(as_json=as_json, config=config, state=state)


@app.command("list")
def show(as_json: bool = Json, config: Config = None, state: StateDir = None) -> None:
    """How every partner's lane stands: what waits, since when, until when; outages, recoveries and whom to call."""
    from gateway.shell.lanes import all_lanes

    settings, now = settings_at(config, state), _now()
    with open_store(settings) as store:
        found = all_lanes(store, partners_of(settings))
    contacts = _contacts(settings)
    if as_json:
        emit([_lane(one, now, contacts) for one in found])
        return
    rows(
        "Lanes",
        ("lane", "state", "why", "waiting", "urgent", "oldest", "time left", "progress", "contact"),
        [(one.lane, _state(one, now), _why(one), one.queued, one.urgent, _span(now - one.oldest) if one.oldest else "",
          _span(one.due - now) if one.due else "", _progress(one, now), str(contacts(one.lane)) if one.troubled else "")
         for one in found],
    )  # fmt: skip


@app.command()
def due(
    hours: Annotated[float, typer.Option("--hours", help="How far to look ahead.", min=0)] = 1.0,
    as_json: bool = Json,
    config: Config = None,
    state: StateDir = None,
) -> None:
    """Waiting messages whose deadline has passed or comes soon, the most urgent first. Ends with 1 if there are any."""
    from gateway.shell.deadlines import deadlines_at_risk

    settings, now = settings_at(config, state), _now()
    with open_store(settings) as store:
        found = deadlines_at_risk(store, now, within=timedelta(hours=hours))
    _show_held("Waiting against the clock", found, now, settings, as_json=as_json)
    raise typer.Exit(1 if found else 0)


@app.command()
def dead(as_json: bool = Json, config: Config = None, state: StateDir = None) -> None:
    """Messages that could not be delivered, the last one first, and whom to call about them."""
    from gateway.shell.deadlines import dead_letters

    settings = settings_at(config, state)
    with open_store(settings) as store:
        found = dead_letters(store)
    _show_held("Dead letters", found, _now(), settings, as_json=as_json)


@app.command()
def hold(lane: Lane, why: Why, who: Who = "", config: Config = None, state: StateDir = None) -> None:
    """Send nothing on a lane until it is released."""
    from gateway.shell.lanes import pause

    _change(pause, lane, who, why, config, state)
    typer.echo(f"{lane}: held")


@app.command()
def release(lane: Lane, why: Why, who: Who = "", config: Config = None, state: StateDir = None) -> None:
    """Let a held lane go on, at once. Ends with 1 when nobody holds it; nothing is changed then."""
    from gateway.shell.lanes import resume

    if not _change(resume, lane, who, why, config, state, only=lambda found: found.paused):
        typer.echo(f"{lane}: nobody holds it, so it cannot be released; nothing was changed", err=True)
        raise typer.Exit(1)
    typer.echo(f"{lane}: released")


@app.command()
def retry(lane: Lane, why: Why, who: Who = "", config: Config = None, state: StateDir = None) -> None:
    """Try now what waits for its next attempt: the pilot of a partner that is out, and messages that wait alone.

    On a lane that a person holds nothing leaves all the same, until it is released.
    """
    from gateway.shell.lanes import hurry

    found = _change(hurry, lane, who, why, config, state)
    held = found is not None and found.paused
    typer.echo(f"{lane}: " + ("held by a person, so nothing leaves until it is released" if held else "tries now"))


@app.command()
def resend(
    entry: Annotated[str, typer.Argument(help="The gateway's id of the message, as `dead` shows it.")],
    why: Why,
    who: Who = "",
    corridor: Annotated[str, typer.Option("--corridor", help="Only this way of the message.")] = "",
    config: Config = None,
    state: StateDir = None,
) -> None:
    """Send a dead letter again, with the same id and a new deadline. Ends with 1 when there was nothing to send."""
    from gateway.app import utc_now
    from gateway.model import CorridorId
    from gateway.shell.ledger import PostgresLedger
    from gateway.shell.queries import message

    settings, known = settings_at(config, state), _uuid(entry)
    terms = {partner.id: partner.terms for partner in partners_of(settings).values()}
    with open_store(settings) as store:
        ways = registry_of(settings).corridors.values()
        ledger = PostgresLedger(store, ways, clock=utc_now, ids=lambda: known, terms=terms)
        mine = [one.corridor for one in message(store, known).deliveries]
        again = [one for one in mine if corridor in {"", one}]
        sent = [one for one in again if ledger.requeue(known, CorridorId(one), who=_who(who), why=why)]
    typer.echo("\n".join(f"{one}: queued again" for one in sent) or "nothing to send again", err=not sent)
    raise typer.Exit(0 if sent else 1)


def _change(
    act: Callable[..., None], lane: str, who: str, why: str, config: Path | None, state: Path | None,
    only: Callable[[LaneCount], bool] = lambda _found: True,
) -> LaneCount | None:  # fmt: skip
    """How the lane stood before the act; None when it was not one that the act is `only` for."""
    from gateway.shell.lanes import all_lanes

    settings = settings_at(config, state)
    with open_store(settings) as store:
        known = {one.lane: one for one in all_lanes(store, partners_of(settings))}
        found = known[one_of("lane", lane, known)]
        if not only(found):
            return None
        act(store, lane, at=_now(), who=_who(who), why=why)
        return found


def _who(given: str) -> str:
    return given or getpass.getuser()


def _uuid(entry: str) -> UUID:
    try:
        return UUID(entry)
    except ValueError:
        wrong_use(f"{entry!r} is no id of a message; `gateway lanes dead` shows them")


def _now() -> datetime:
    return datetime.now(UTC)


def _contacts(settings: Settings) -> Callable[[str], Contact]:
    from gateway.model import PartnerId
    from gateway.terms import NOBODY

    partners = partners_of(settings)

    def contact(lane: str) -> Contact:
        partner = partners.get(PartnerId(lane.partition("/")[0]))
        return partner.contact if partner else NOBODY

    return contact


def _state(one: LaneCount, now: datetime) -> str:
    if one.state == "out" and one.held_since:
        pilot = f", next pilot in {_span(one.next_at - now)}" if one.next_at and one.next_at > now else ""
        return f"out for {_span(now - one.held_since)}, {one.failures} pilots{pilot}"
    return {"paused": "held by a person"}.get(one.state, one.state)


def _why(one: LaneCount) -> str:
    """What the partner's door said last, while it is out."""
    return ": ".join(filter(None, [one.code, one.detail[:_SHOWN]])) if one.failures else ""


def _progress(one: LaneCount, now: datetime) -> str:
    if one.state != "recovering":
        return ""
    left = one.time_left(now)
    return f"{one.share_done():.0%} of {one.sent + one.queued}" + (f", {_span(left)} left" if left else "")


def _lane(one: LaneCount, now: datetime, contacts: Callable[[str], Contact]) -> dict[str, Any]:
    from dataclasses import asdict

    left = one.time_left(now)
    return _told({
        "lane": one.lane, "state": one.state, "queued": one.queued, "urgent": one.urgent, "oldest": one.oldest,
        "due": one.due, "secondsLeft": (one.due - now).total_seconds() if one.due else None,
        "failures": one.failures, "heldSince": one.held_since, "nextAt": one.next_at, "code": one.code,
        "detail": one.detail, "releasedAt": one.released_at, "backlog": one.backlog, "sent": one.sent,
        "secondsToEmpty": left.total_seconds() if left else None, "contact": asdict(contacts(one.lane)),
    })  # fmt: skip


def _told(members: dict[str, Any]) -> dict[str, Any]:
    """The same with times as RFC 3339 has them."""
    return {key: value.isoformat() if isinstance(value, datetime) else value for key, value in members.items()}


def _show_held(title: str, found: Iterable[Held], now: datetime, settings: Settings, *, as_json: bool) -> None:
    from dataclasses import asdict

    contacts = _contacts(settings)
    if as_json:
        more = [(one, {"secondsLeft": one.left(now).total_seconds(), "contact": asdict(contacts(one.lane))})
                for one in found]  # fmt: skip
        emit([_told(asdict(one)) | extra for one, extra in more])
        return
    rows(
        title,
        ("message", "class", "type", "lane", "state", "time left", "tried", "why", "contact"),
        [(one.entry, one.priority, one.type, one.lane, one.state, _span(one.left(now)), one.attempts, one.code,
          str(contacts(one.lane))) for one in found],
    )  # fmt: skip


def _span(time: timedelta) -> str:
    """A length of time with one unit; below zero it is over."""
    seconds = abs(time.total_seconds())
    sign = "-" if time < timedelta(0) else ""
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{sign}{seconds / size:.1f} {unit}".replace(".0 ", " ")
    return f"{sign}{seconds:.0f} s"
