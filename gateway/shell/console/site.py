"""Joins the pages of the console into one WSGI application."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any, Final
from urllib.parse import urlencode

from flask import Flask, Response, g, redirect, render_template, request
from jinja2 import StrictUndefined
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as AnyResponse

from gateway.errors import Busy, MessageUnknown
from gateway.lifecycle import State, may
from gateway.model import LANGUAGES
from gateway.shell.console import documents, lanes, messages, partners, refused, story
from gateway.shell.console.acts import OPERATOR
from gateway.shell.console.guard import LOOPBACK, Guard, console_key
from gateway.shell.console.house import House
from gateway.shell.console.plain import folded, visible
from gateway.shell.console.speech import LANGUAGE_NAMES, ZONES, Speech, choose_language

LANGUAGE: Final = "gw_language"
ZONE: Final = "gw_zone"
_YEAR: Final = 365 * 24 * 3600
_LARGEST_FORM: Final = 20_000


def make_console(house: House) -> Flask:
    """The WSGI application of the operators' pages. It has no sign-in of its own: it listens where only they are."""
    app = Flask("gateway.shell.console")
    app.config["MAX_CONTENT_LENGTH"] = _LARGEST_FORM
    app.jinja_env.undefined = StrictUndefined
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.filters |= {"visible": visible, "folded": folded}
    names = LOOPBACK | {name.lower() for name in (house.settings.console_host, *house.settings.console_names)}
    guard = Guard(names, console_key(house.settings.key_dir))
    app.before_request(guard.admit)
    app.before_request(lambda: _listen(house))
    app.after_request(guard.harden)
    app.context_processor(lambda: _shared(house, guard))
    for page in (messages, story, documents, refused, lanes, partners):
        page.add_to(app, house)
    app.register_error_handler(HTTPException, _problem)
    app.register_error_handler(MessageUnknown, lambda _: _told("missing", 404))
    app.register_error_handler(Busy, lambda _: _told("busy", 503))
    return app


def _listen(house: House) -> AnyResponse | None:
    """Who reads: language and zone from what was chosen before, or from the links that choose."""
    language = request.args.get("language") or request.cookies.get(LANGUAGE)
    accepted = request.accept_languages.best_match(LANGUAGES)
    zone = request.args.get("zone") or request.cookies.get(ZONE, "")
    g.speech = Speech(
        language=choose_language(language, accepted),
        zone_name=zone if zone in ZONES else "almaty",
        now=house.setup.clock(),
        partners=house.setup.partners,
    )
    chosen = {"language", "zone"} & set(request.args)
    if not chosen or request.method != "GET" or request.endpoint is None:
        return None
    return _remember(redirect(_here_without(chosen), 303))


def _remember(response: AnyResponse) -> AnyResponse:
    speech: Speech = g.speech
    for name, value in ((LANGUAGE, speech.language), (ZONE, speech.zone_name)):
        response.set_cookie(name, value, max_age=_YEAR, httponly=True, samesite="Lax", secure=request.is_secure)
    return response


def _here_without(names: set[str]) -> str:
    """This page without some of its arguments: always a path of ours."""
    rest = [(key, value) for key, value in request.args.items(multi=True) if key not in names]
    return request.path + (f"?{urlencode(rest)}" if rest else "")


def _shared(house: House, guard: Guard) -> dict[str, Any]:
    """What every page may use."""
    return {
        "say": g.get("speech") or _plain_speech(house),
        "token": guard.token,
        "here": lambda **more: _with(more),
        "languages": LANGUAGE_NAMES,
        "zones": ZONES,
        "states": tuple(state.value for state in State),
        "requeueable": tuple(state.value for state in State if may(state, State.QUEUED)),
        "environment": house.settings.environment,
        "version": version("single-window-gateway"),
        "operator": request.cookies.get(OPERATOR, ""),
        "section": (request.endpoint or "").partition("_")[0],
    }


def _plain_speech(house: House) -> Speech:
    return Speech(language="en", zone_name="almaty", now=house.setup.clock(), partners=house.setup.partners)


def _with(more: dict[str, str | None]) -> str:
    """This page with some arguments changed; None takes one away."""
    kept = {**request.args.to_dict(), **more}
    given = {key: value for key, value in kept.items() if value}
    return request.path + (f"?{urlencode(given)}" if given else "")


def _problem(error: HTTPException) -> AnyResponse:
    if error.code in {404, 405}:
        return _told("missing", error.code)
    if error.code == 400:  # noqa: PLR2004 - its own words say it best
        return _told("malformed", 400)
    return error.get_response()


def _told(problem: str, status: int) -> AnyResponse:
    return Response(render_template("problem.html", problem=problem), status=status, mimetype="text/html")
