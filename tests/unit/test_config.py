"""Settings from the environment: nothing that was meant for us is passed over in silence."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.errors import ConfigurationError
from gateway.shell.config import load_settings
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


def test_a_contact_is_written_without_stray_marks() -> None:
    assert str(Contact(email="duty@health.example", language="ru")) == "duty@health.example (ru)"
    assert str(Contact(language="ru")) == ""
