"""Only the console's own pages can act, every page carries its rules, and every act leaves a name and a reason."""

from __future__ import annotations

from uuid import UUID

import pytest

from gateway.lifecycle import State
from gateway.shell.config import Settings
from gateway.shell.console import make_console
from gateway.shell.console.guard import console_key
from gateway.shell.lanes import lane_counts
from gateway.shell.queries import message
from tests.builders import an_intake
from tests.operators import House, Tab
from tests.store.steps import ASK, ask, waiting

ACT = {"lane": "health_kz", "act": "pause", "who": "Айгүл", "why": "ministry ticket 4711"}


def recorded(house: House) -> list[tuple[str, dict[str, str]]]:
    """What people did, as the evidence has it."""
    rows = house.store.fetch("select event, detail from evidence where detail ? 'who' order by at, chain, seq")
    return [(row["event"], row["detail"]) for row in rows]


def test_every_answer_carries_the_rules(house: House, page: Tab) -> None:
    """Pages, fragments, downloads, static files and errors alike."""
    entry = ask(house.ledger, 1)
    house.ledger.refuse(an_intake(UUID(int=3)))
    paths = ["/", "/rows", "/lanes", "/partners", "/refused", f"/messages/{entry.id}", "/static/console.css", "/none"]
    for path in [*paths, f"/messages/{entry.id}/bytes/received", f"/refused/{UUID(int=3)}"]:
        headers = page.get(path).headers
        policy = headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'"), path
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["Cache-Control"] == "no-store"


def test_pages_load_nothing_from_elsewhere_and_run_nothing_inline(house: House, page: Tab) -> None:
    """No outside address, no inline script, style or event attribute."""
    entry = ask(house.ledger, 1)
    for path in ("/", "/lanes", "/partners", "/refused", f"/messages/{entry.id}", f"/messages/{entry.id}/xml"):
        text = page.text(path)
        assert 'src="http' not in text
        assert 'href="http' not in text
        assert "<style" not in text
        assert " style=" not in text
        assert " onclick=" not in text
        assert "<script>" not in text


def test_cookies_stay_with_the_console(page: Tab) -> None:
    """None of them can be read by script or sent by another site's form."""
    for path in ("/", "/?language=kk"):
        for cookie in page.get(path).headers.getlist("Set-Cookie"):
            assert "HttpOnly" in cookie
            assert "SameSite=" in cookie


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8080", "127.0.0.1.evil.example", "", "localhost.", "[::2]"]
)
def test_a_foreign_host_name_gets_nothing(page: Tab, host: str) -> None:
    """A name that was rebound to our address is not ours."""
    answer = page.client.get("/", headers={"Host": host})
    assert answer.status_code in {400, 421}
    assert "<html" not in answer.text


@pytest.mark.parametrize("host", ["127.0.0.1:8080", "localhost:9", "[::1]:8080", "LOCALHOST", "console.example:443"])
def test_our_own_host_names_are_served(house: House, host: str) -> None:
    """Loopback, and the names of the settings."""
    settings = Settings(state_dir=house.settings.state_dir, console_names=["console.example"])
    served = House(settings, house.store, house.ledger, house.setup, house.trust, house.courier, house.clock)
    assert make_console(served).test_client().get("/", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("site", ["cross-site", "same-site", "none", None])
def test_a_form_of_another_site_changes_nothing(house: House, page: Tab, site: str | None) -> None:
    """Even with a token of ours."""
    assert page.post("/lanes", site=site, **ACT).status_code == 403
    assert recorded(house) == []


@pytest.mark.parametrize("token", ["", "0" * 64, "ё"])
def test_a_form_without_our_token_changes_nothing(house: House, page: Tab, token: str) -> None:
    """Even from our own origin."""
    assert page.post("/lanes", token=token, **ACT).status_code == 403
    assert recorded(house) == []


def test_a_token_is_bound_to_its_browser(house: House, page: Tab) -> None:
    """A token from elsewhere does not fit this browser's cookie."""
    other = Tab(make_console(house).test_client())
    found = other.text("/lanes").partition('name="token" value="')[2][:64]
    assert page.post("/lanes", token=found, **ACT).status_code == 403
    assert other.post("/lanes", token=found, **ACT).status_code == 303


def test_the_key_is_made_once_and_only_ours(house: House) -> None:
    """Every process of an installation signs alike; nobody else can read it."""
    folder = house.settings.key_dir
    first = console_key(folder)
    assert console_key(folder) == first
    assert len(first) == 32
    assert (folder / "console.key").stat().st_mode & 0o077 == 0


def test_a_browser_without_fetch_metadata_is_judged_by_origin(house: House, page: Tab) -> None:
    """Origin must be exactly ours."""
    page.text("/lanes")
    token = page.text("/lanes").partition('name="token" value="')[2][:64]
    for origin, status in (("http://127.0.0.1:9", 403), ("null", 403), ("http://127.0.0.1:8080", 303)):
        answer = page.client.post(
            "/lanes", base_url="http://127.0.0.1:8080", data={**ACT, "token": token}, headers={"Origin": origin}
        )
        assert answer.status_code == status, origin


def test_a_lane_is_paused_resumed_and_hurried_with_name_and_reason(house: House, page: Tab) -> None:
    """Each act is one line of evidence."""
    for act in ("pause", "resume", "hurry"):
        answer = page.post("/lanes", **{**ACT, "act": act})
        assert answer.headers["Location"] == f"/lanes?done={act}"
    assert [event for event, _ in recorded(house)] == ["paused", "resumed", "hurried"]
    assert recorded(house)[0][1] == {"lane": "health_kz", "who": "Айгүл", "why": "ministry ticket 4711"}
    assert [lane.paused for lane in lane_counts(house.store)] == [False]
    page.post("/lanes", **ACT)
    assert "paused by a person" in page.text("/")
    assert 'value="Айгүл"' in page.text("/lanes")


@pytest.mark.parametrize(
    ("field", "value"), [("who", " "), ("why", ""), ("why", "x"), ("why", "x" * 501), ("who", "x" * 81)]
)
def test_nothing_happens_without_name_and_reason(house: House, page: Tab, field: str, value: str) -> None:
    """The form comes back with what was typed and what is missing."""
    answer = page.post("/lanes", **{**ACT, field: value})
    assert answer.status_code == 422
    assert 'aria-invalid="true"' in answer.text
    assert recorded(house) == []


@pytest.mark.parametrize("wrong", [{"lane": "nobody"}, {"act": "delete"}, {"act": ""}])
def test_unknown_lanes_and_acts_are_not_made(house: House, page: Tab, wrong: dict[str, str]) -> None:
    """A form of ours that was bent."""
    assert page.post("/lanes", **{**ACT, **wrong}).status_code == 404
    assert lane_counts(house.store) == []


def test_a_dead_delivery_is_sent_again_with_name_and_reason(house: House, page: Tab) -> None:
    """Only one that ended without success, and only with a reason."""
    entry = ask(house.ledger, 1)
    path = f"/messages/{entry.id}/requeue"
    form = {"corridor": ASK, "who": "Ержан", "why": "table corrected"}
    assert page.post(path, **form).headers["Location"].endswith("done=unchanged")
    house.ledger.settle(waiting(house.store, entry.id), State.FAILED, code="mapping.gap", detail="1 gap")
    assert "Send again" in page.text(f"/messages/{entry.id}")
    assert page.post(path, **{**form, "why": ""}).status_code == 422
    assert page.post(path, **{**form, "corridor": "other"}).status_code == 404
    assert message(house.store, entry.id).state == "failed"
    assert page.post(path, **form).headers["Location"].endswith("done=requeued")
    assert message(house.store, entry.id).state == "queued"
    assert recorded(house) == [("requeued", {"corridor": ASK, "who": "Ержан", "why": "table corrected"})]
    assert "by Ержан" in page.text(f"/messages/{entry.id}")


def test_a_form_that_is_too_large_is_refused(page: Tab) -> None:
    """Nobody writes a reason of 20 kilobytes."""
    assert page.post("/lanes", **{**ACT, "why": "x" * 30_000}).status_code == 413
