"""What Prometheus reads is what happened, and the dashboard asks only for what there is."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from threading import Event, Thread
from uuid import UUID

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client.parser import text_string_to_metric_families

from gateway.app import make_worker
from gateway.lifecycle import State
from gateway.registry import Registry
from gateway.shell.house import House
from gateway.shell.ledger import PostgresLedger
from gateway.shell.picking import next_deliveries
from gateway.shell.store import Store
from gateway.shell.watch.figures import exposition
from gateway.shell.watch.ledger import WatchedLedger
from gateway.shell.watch.spans import OpenTelemetry
from gateway.shell.watch.traces import Untraced, tracer
from gateway.testing import counting_ids
from tests.builders import HEALTH, FrozenClock, a_sealed, a_verified, an_entry, an_intake, some_claims
from tests.database import wait_until
from tests.desk import QUERY
from tests.running import free_port

ROOT = Path(__file__).parents[2]
BOARD = ROOT / "docs" / "grafana-dashboard.json"
ENTRY = UUID("0199a000-0000-7000-8000-00000000f19e")


def watched(house: House, own: object = None) -> WatchedLedger:
    return WatchedLedger(house.ledger, house.setup.clock, own or Untraced())  # type: ignore[arg-type]


def figures(house: House) -> dict[str, float]:
    """Each sample as `name{label="value",...}`."""
    found = {}
    for family in text_string_to_metric_families(exposition(house).decode()):
        for one in family.samples:
            labels = ",".join(f'{name}="{value}"' for name, value in sorted(one.labels.items()))
            found[f"{one.name}{{{labels}}}"] = one.value
    return found


def enter(house: House, ledger: WatchedLedger) -> None:
    claims = some_claims(f"urn:uuid:{ENTRY}")
    entry = an_entry(ENTRY, claims, received_at=house.setup.clock())
    ledger.enter(entry, a_verified(claims), a_sealed(), {"open": 1.0, "verify": 2.0})


def end(house: House, ledger: WatchedLedger) -> None:
    delivery = house.store.run(lambda c: next_deliveries(c, "health_kz", house.setup.clock()))[0]
    ledger.settle(delivery, State.DELIVERED)


def test_accepted_refused_and_delivered_are_counted_once_each(house: House, clock: FrozenClock) -> None:
    ledger, before = watched(house), figures(house)
    enter(house, ledger)
    enter(house, ledger)
    ledger.refuse(an_intake(UUID(int=7)))
    clock.move(seconds=3)
    end(house, ledger)
    after = figures(house)
    grown = {name: after[name] - before.get(name, 0.0) for name in after if after[name] != before.get(name, 0.0)}
    counted = {
        name: value
        for name, value in grown.items()
        if name.startswith(("gateway_accepted_total", "gateway_repeated_total"))
    }
    assert sorted(counted.values()) == [1.0, 1.0]
    assert grown['gateway_settled_total{receiver="health_kz",state="delivered"}'] == 1.0
    assert grown['gateway_delivered_seconds_sum{receiver="health_kz"}'] == pytest.approx(3.0)
    assert grown['gateway_step_seconds_sum{step="verify"}'] == pytest.approx(0.002)
    assert sum(value for name, value in grown.items() if name.startswith("gateway_refused_total")) == 1.0


def test_lanes_certificates_clock_and_readiness_are_asked_at_each_reading(house: House, clock: FrozenClock) -> None:
    enter(house, watched(house))
    clock.move(seconds=90)
    found = figures(house)
    assert found['gateway_lane_queued{lane="health_kz"}'] == 1.0
    assert found['gateway_lane_oldest_seconds{lane="health_kz"}'] == 90.0
    assert found['gateway_ready{check="database"}'] == 1.0
    assert found['gateway_clock_ahead_seconds{source="other"}'] == 0.0
    assert found["gateway_processes{}"] >= 1.0
    assert any(name.startswith("gateway_certificate_end_timestamp_seconds") for name in found)


@pytest.fixture
def away(house: House, store: Store, rules: Registry, clock: FrozenClock) -> House:
    """A gateway as it is built, one message in it, whose receiver is away."""
    ledger = PostgresLedger(store, rules.corridors.values(), clock=clock, ids=counting_ids("away"))
    (corridor,) = (one for one in rules.corridors.values() if (one.takes, one.receiver) == ("LPCO_QUERY", HEALTH))
    partners = dict(house.setup.partners)
    partners[HEALTH] = replace(partners[HEALTH], endpoint=f"http://127.0.0.1:{free_port()}/soap")
    setup = replace(house.setup, ledger=WatchedLedger(ledger, clock, Untraced()), partners=partners)
    claims = some_claims(f"urn:uuid:{ENTRY}")
    entry = an_entry(ENTRY, claims, payload=QUERY, corridors=(corridor.id,), received_at=clock())
    setup.ledger.enter(entry, a_verified(claims), a_sealed(), {})
    return replace(house, ledger=ledger, setup=setup)


def test_a_worker_counts_what_it_puts_off(away: House) -> None:
    """The worker that `serve` and `worker` run, and a partner nobody can reach."""
    name, before = 'gateway_postponed_total{code="delivery.failed",receiver="health_kz"}', figures(away)
    stop = Event()
    thread = Thread(target=make_worker(away).run, args=(stop,))
    thread.start()
    try:
        wait_until(lambda: figures(away).get(name, 0.0) == before.get(name, 0.0) + 1.0)
    finally:
        stop.set()
        thread.join(30)


def test_the_dashboard_asks_for_all_figures_and_no_others(house: House) -> None:
    """Whether anything was counted yet or not; that it is counted, the other tests see."""
    endings = {"counter": ["_total"], "histogram": ["_bucket", "_sum", "_count"], "gauge": [""]}
    families = list(text_string_to_metric_families(exposition(house).decode()))
    known = {one.name + ending for one in families for ending in endings.get(one.type, [])}
    ours = {one.name for one in families if one.name.startswith("gateway_") and not one.name.endswith("_created")}
    board = json.dumps([target["expr"] for target in _targets(json.loads(BOARD.read_text("utf-8")))])
    asked = set(re.findall(r"gateway_[a-z_]+", board))
    assert asked
    assert asked <= known
    assert {name for name in ours if not any(one.startswith(name) for one in asked)} == set()


def _targets(board: dict[str, list[dict[str, list[dict[str, str]]]]]) -> list[dict[str, str]]:
    return [target for panel in board["panels"] for target in panel.get("targets", [])]


def test_the_trace_of_a_message_is_its_id(house: House) -> None:
    kept = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(kept))
    ledger = watched(house, OpenTelemetry(provider))
    enter(house, ledger)
    end(house, ledger)
    spans = {one.name: one for one in kept.get_finished_spans()}
    assert set(spans) == {"open", "verify", "enter", "accept", "deliver"}
    assert {one.context.trace_id for one in spans.values() if one.context} == {ENTRY.int}
    assert spans["verify"].parent is not None and spans["accept"].context is not None
    assert spans["verify"].parent.span_id == spans["accept"].context.span_id
    assert (spans["verify"].end_time or 0) - (spans["verify"].start_time or 0) == pytest.approx(2_000_000, abs=2000)


def test_nobody_is_told_unless_the_environment_names_an_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    assert isinstance(tracer(), Untraced)


def test_a_full_disk_is_not_ready(house: House) -> None:
    """More room is wanted than any disk has."""
    watch = house.settings.watch.model_copy(update={"least_free_megabytes": 10**12})
    full = House(
        settings=house.settings.model_copy(update={"watch": watch}), registry=house.registry, store=house.store,
        ledger=house.ledger, setup=house.setup, clock_guard=house.clock_guard,
    )  # fmt: skip
    assert [one.name for one in full.readiness.look() if not one.ok] == ["room"]


def test_keys_that_have_ended_are_not_ready(house: House, clock: FrozenClock) -> None:
    clock.move(days=365 * 20)
    assert "keys" in [one.name for one in house.readiness.look() if not one.ok]
