"""An installation that calls itself production is told what it lacks; any other is not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gateway.shell.checkup import checkup
from gateway.shell.config import AlertSettings, Settings, Watch
from gateway.shell.production import lacks

READY: dict[str, Any] = {
    "environment": "production", "public_url": "https://gateway.customs.example", "database_url": "postgresql://db/gateway",
    "watch": Watch(ntp_servers=["a.example", "b.example", "c.example"]),
    "alerts": AlertSettings(email_to=["duty@customs.example"]),
}  # fmt: skip


def settings(**words: Any) -> Settings:
    return Settings(**words)


def test_nothing_is_missing_where_all_is_there() -> None:
    assert list(lacks(settings(**READY))) == []


def test_a_demonstration_lacks_nothing() -> None:
    assert list(lacks(settings(environment="demo"))) == []


@pytest.mark.parametrize(
    ("setting", "value", "word"),
    [
        ("public_url", "http://gateway.customs.example", "public_url"),
        ("host", "0.0.0.0", "plain HTTP"),  # noqa: S104 - what must be told
        ("console_host", "10.0.0.5", "no sign-in"),
        ("database_url", "", "embedded"),
        ("watch", Watch(ntp_servers=["a.example"]), "clocks"),
        ("alerts", AlertSettings(), "nobody is told"),
        ("silence_scale", 0.001, "silence_scale"),
    ],
)
def test_each_lack_is_named_with_its_cure(setting: str, value: object, word: str) -> None:
    (lack,) = lacks(settings(**(READY | {setting: value})))
    assert word in lack[0]
    assert lack[1]


def test_doctor_tells_it(tmp_path: Path) -> None:
    """Beside the checks of every installation."""
    found = checkup(settings(environment="production", state_dir=tmp_path))
    told = [one for one in found if one.name == "production"]
    assert {one.colour for one in told} == {"yellow"}
    assert all(one.do for one in told)
    assert [one for one in checkup(settings(state_dir=tmp_path)) if one.name == "production"] == []
