"""The page on scale shows the kept run, and names settings and programs that exist."""

from __future__ import annotations

import re

from bench.docs import RESULTS
from bench.report import read_report
from bench.scale import BEGIN, PAGE, TRAFFIC, written
from gateway.shell.config import Settings
from gateway.shell.store import REACH

TEXT = PAGE.read_text("utf-8")


def test_the_figures_are_those_of_the_kept_run() -> None:
    """Nobody edits a figure by hand."""
    assert written(TEXT, read_report(RESULTS)) == TEXT, "run: python -m bench.scale"


def test_the_words_around_them_hold_no_figure_of_ours() -> None:
    """What a new run would change stands between the marks only."""
    around = TEXT.partition(BEGIN)[0] + TEXT.rpartition("<!-- end of measured -->")[2]
    assert not re.search(r"[0-9.]+ (ms|messages a second|cores|accepts)", around)
    assert all(one.name in TEXT for one in TRAFFIC)


def test_every_setting_exists() -> None:
    """As does every word of a conninfo."""
    named = set(re.findall(r"`([a-z]+_[a-z_]+)`", TEXT))
    limits = {"idle_in_transaction_session_timeout", "statement_timeout"}
    servers = {"max_connections", "pg_cancel_backend", *limits}
    assert named - set(Settings.model_fields) - set(REACH) - servers == set()
    assert {"database_url", "leave_seconds", "stalled_seconds", "connect_timeout"} <= named
