"""What a person does here always has a name and a reason; both go into the evidence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from flask import request
from werkzeug.wrappers import Response

OPERATOR: Final = "gw_operator"
LONGEST_NAME: Final = 80
LONGEST_REASON: Final = 500
SHORTEST_REASON: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """Who does it and why. `problems` = fields that are not filled as they must be."""

    who: str
    why: str
    problems: frozenset[str]


def read_act() -> Act:
    """Name and reason of the form that was sent."""
    who = " ".join(request.form.get("who", "").split())
    why = " ".join(request.form.get("why", "").split())
    problems = {
        name
        for name, wrong in (
            ("who", not 0 < len(who) <= LONGEST_NAME),
            ("why", not SHORTEST_REASON <= len(why) <= LONGEST_REASON),
        )
        if wrong
    }
    return Act(who=who, why=why, problems=frozenset(problems))


def remember(response: Response, act: Act) -> Response:
    """The next form knows the name already, until the browser is closed."""
    response.set_cookie(OPERATOR, act.who, httponly=True, samesite="Strict", secure=request.is_secure)
    return response
