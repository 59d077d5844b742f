"""Traces wanted where OpenTelemetry is not installed: the gateway starts, and its log says what to install."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

WITHOUT = """
import importlib.machinery, sys
finds = importlib.machinery.PathFinder.find_spec
def but_one(name, *words, **named):
    return None if name.startswith({hidden!r}) else finds(name, *words, **named)
importlib.machinery.PathFinder.find_spec = but_one
from gateway.shell.watch.traces import tracer
print(type(tracer()).__name__)
"""
"""A Python in which a package is not installed."""


def traced(hidden: str, **given: str) -> str:
    """What the tracer is there, and the log before it."""
    words = [sys.executable, "-c", WITHOUT.format(hidden=hidden)]
    return subprocess.run(words, env={**os.environ, **given}, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("hidden", ["opentelemetry", "opentelemetry.sdk", "opentelemetry.exporter"])
def test_a_gateway_without_the_extra_starts_and_says_what_to_install(hidden: str) -> None:
    said, is_one = traced(hidden, OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:4318").splitlines()
    assert is_one == "Untraced"
    assert "OTEL_EXPORTER_OTLP_ENDPOINT" in said
    assert "install the extra otel" in said


def test_nothing_is_said_where_no_traces_are_wanted() -> None:
    assert traced("opentelemetry", OTEL_EXPORTER_OTLP_ENDPOINT="") == "Untraced\n"


def test_with_the_extra_they_leave() -> None:
    assert traced("nothing", OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:4318") == "OpenTelemetry\n"
