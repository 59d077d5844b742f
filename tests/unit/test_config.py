"""Settings from the environment: nothing that was meant for us is passed over in silence."""

from __future__ import annotations

from pathlib import Path
from time import monotonic

import pytest

from gateway.errors import Busy, ConfigurationError
from gateway.shell.config import load_settings
from gateway.shell.store import Store
from gateway.terms import Contact


def test_a_misspelt_variable_is_not_passed_over(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With it the gateway would run on a database that nobody meant."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GATEWAY_DATABSE_URL", "host=db.example")
    with pytest.raises(ConfigurationError, match="GATEWAY_DATABASE_URL"):
        load_settings()


def test_variables_of_a_container_platform_are_none_of_ours(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GATEWAY_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setenv("GATEWAY_PORT_8081_TCP_ADDR", "10.0.0.1")
    load_settings()


@pytest.mark.parametrize("wrong", ["mysql://db.example/gateway", "host=db.example port", "db.example"])
def test_a_database_url_that_is_none_is_told_before_anything_starts(wrong: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        load_settings(database_url=wrong)
    assert [finding.params["key"] for finding in refused.value.findings] == ["database_url"]


def test_a_database_that_nobody_serves_is_told_at_once_and_why() -> None:
    began = monotonic()
    with pytest.raises(Busy, match=r"refused|No such file"):
        Store("host=/nowhere dbname=gateway").open()
    assert monotonic() - began < 5.0


def test_a_contact_is_written_without_stray_marks() -> None:
    assert str(Contact(email="duty@health.example", language="ru")) == "duty@health.example (ru)"
    assert str(Contact(language="ru")) == ""
