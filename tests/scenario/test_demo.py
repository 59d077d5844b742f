"""The demo as people run it: one command, every story played, everything stopped again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.shell.processes import answers
from tests.database import wait_until

ROOT = Path(__file__).resolve().parents[2]
DEMO = [sys.executable, "-m", "gateway", "demo", "--ports", "free"]

pytestmark = pytest.mark.slow


def left_over(state: Path) -> list[str]:
    """Command lines of processes that still know this state directory."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
        except OSError:
            continue
        if str(state) in words:
            found.append(words)
    return found


def play(state: Path, *words: str) -> tuple[int, dict[str, object]]:
    """Exit code and JSON of one demo that stops by itself."""
    done = subprocess.run(
        [*DEMO, "--once", "--json", "--state", str(state), *words], capture_output=True, text=True, cwd=ROOT,
        check=False, timeout=200,
    )  # fmt: skip
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


@pytest.mark.timeout(420)
def test_every_story_ends_as_it_is_told_and_again_on_the_same_state(tmp_path: Path) -> None:
    """All fixtures end as they say, over HTTP, with real keys and a real database; so they do a second time."""
    state = tmp_path / "state"
    for _ in range(2):
        code, told = play(state)
        wrong = [one for one in told["messages"] if not one["ok"]]  # type: ignore[attr-defined]
        assert wrong == []
        assert code == 0
        assert len(told["messages"]) == len(list((ROOT / "adapters").glob("*/fixtures/*/case.toml")))  # type: ignore[arg-type]
        assert told["seconds"]["total"] < 90  # type: ignore[index]
    assert left_over(state) == []
    keys = [*(state / "keys").glob("*"), *(state / "demo").glob("*/*.pem")]
    assert all(file.stat().st_mode & 0o077 == 0 for file in keys)


def gateway(*words: str | Path) -> str:
    """Standard output of a command that must end well."""
    done = subprocess.run(
        [sys.executable, "-m", "gateway", *map(str, words)], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def use(state: Path, tmp: Path) -> None:
    """What a person does with a running demo: test the way, send, look, record what was sent and replay it."""
    gateway("partner", "test", "health_kz", "--state", state)
    fixture = ROOT / "adapters" / "health_kz" / "fixtures" / "10-query-ok"
    sent = gateway("send", fixture / "in.xml", "--as", "customs_kz", "--state", state)
    assert [step.split()[0] for step in sent.splitlines()[0].split(" > ")] == ["validated", "signed", "sent", "receipt"]
    message = sent.splitlines()[1].removeprefix("message id ")
    wait_until(lambda: json.loads(gateway("db", "status", "--json", "--state", state))["queued"] == 0, seconds=20)
    for words in ([], ["--scrub"]):
        recorded = gateway("fixture", "record", message, "--state", state, "--out", tmp / f"kept{len(words)}", *words)
        assert "1 passed" in gateway("replay", recorded.strip(), "--state", state)
    assert "991240999802" not in (Path(recorded.strip()) / "in.xml").read_text("utf-8")
    gateway("doctor", "--state", state)


@pytest.mark.timeout(200)
def test_a_demo_that_stays_is_stopped_by_a_signal(tmp_path: Path) -> None:
    """It says where to look and shows the magic keys; SIGTERM ends every process and the database."""
    state = tmp_path / "state"
    log = (tmp_path / "out").open("w+b")
    demo = subprocess.Popen([*DEMO, "--state", str(state), "--only", "10-query-ok"], cwd=ROOT, stdout=log, stderr=log)
    try:
        wait_until(lambda: b"Ctrl-C" in (tmp_path / "out").read_bytes() or demo.poll() is not None, seconds=120)
        told = (tmp_path / "out").read_text("utf-8")
        note = json.loads((state / "town.json").read_text("utf-8"))
        assert answers(f"{note['doors']}/ready")
        assert "KZ99SIL" in told
        use(state, tmp_path)
        os.kill(demo.pid, signal.SIGTERM)
        assert demo.wait(60) == 0
    finally:
        demo.kill()
        demo.wait()
        log.close()
    assert left_over(state) == []
    assert not answers(f"{note['doors']}/ready")
