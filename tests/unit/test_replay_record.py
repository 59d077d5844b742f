"""A kept message becomes a fixture that plays green, and without the persons in it where that is asked for."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import pytest

from gateway import registry
from gateway.codes.numbers import check_container
from gateway.identifiers import check_kz_number
from gateway.model import CorridorId
from gateway.replay import Fixture, Worlds, compare, play, read_fixture, replay, worlds
from gateway.replay.record import record, write_fixture
from gateway.replay.scrub import Scrubber
from gateway.testing import KeptMessage, World

ROOT = Path(__file__).parents[2]
KEYS = (
    ("permit", "KZ11VTS00000001"),
    ("declaration", "57505/191126/0000123"),
    ("container", "TSTU9990010"),
    ("tin", "CN91310000MA1FL1LR7P"),
)
STORIES = [
    ROOT / "adapters" / "health_kz" / "fixtures" / "10-query-ok",
    ROOT / "adapters" / "health_kz" / "fixtures" / "24-declaration-lodged",
    ROOT / "adapters" / "health_kz" / "fixtures" / "46-unit-unknown-to-the-ministry",
    ROOT / "adapters" / "mra_cn" / "fixtures" / "50-full-list",
]


@cache
def trees() -> Worlds:
    return worlds(registry.load())


def played(fixture: Fixture) -> World:
    """The world after the story; envelopes carry the ids they would have in a running gateway."""
    world = trees()(fixture)
    world.ledger.name_outgoing(fixture.sender, fixture.message_id, fixture.sent_id)
    play(fixture, world)
    return world


def story_of(kept: KeptMessage, world: World) -> SimpleNamespace:
    """What the store tells of a message, from what the ledger in memory keeps of it."""
    ways = [one for one in world.ledger.deliveries.values() if one.entry.id == kept.entry.id]
    assert kept.verified is not None
    return SimpleNamespace(
        entry=kept.entry,
        wire_facts={"content_type": kept.verified.wire.content_type},
        deliveries=[
            SimpleNamespace(
                corridor=one.corridor, receiver=one.receiver, state=one.state.value, message_id=one.message_id,
                code=one.code, silent_at=None,
            )
            for one in ways
        ],
        sealed=[SimpleNamespace(corridor=one.corridor, sealed=sealed) for one in ways for sealed in one.sealed],
    )  # fmt: skip


def stories(world: World) -> list[SimpleNamespace]:
    """The question and, where one came, its answer."""
    return [story_of(kept, world) for kept in world.ledger.messages.values() if kept.verified is not None]


def recorded(folder: Path, target: Path, *, scrub: bool) -> dict[str, bytes]:
    question, *answers = stories(played(read_fixture(folder)))
    files = record(question, answer=answers[0] if answers else None, scrub=scrub, salt=b"fixed")
    write_fixture(target, files)
    return files


@pytest.mark.parametrize("folder", STORIES, ids=lambda folder: folder.name)
def test_what_was_recorded_plays_green(folder: Path, tmp_path: Path) -> None:
    """Payload, clock, ids, what left, what came back or the refusal: nothing differs."""
    files = recorded(folder, tmp_path / "new", scrub=False)
    report = replay([tmp_path / "new"], trees())
    assert list(report.lines()) == [report.summary]
    assert compare((folder / "in.xml").read_bytes(), files["in.xml"]) == []
    assert files.keys() - {"case.toml"} == {file.name for file in folder.glob("*.xml")}


@pytest.mark.parametrize("folder", [STORIES[0], STORIES[1], STORIES[3]], ids=lambda folder: folder.name)
def test_without_persons_it_still_plays_green(folder: Path, tmp_path: Path) -> None:
    """No operator's number and no name is left in any file, and the files still fit together."""
    plain = b"".join(record_files(folder).values()).decode()
    files = recorded(folder, tmp_path / "new", scrub=True)
    left = b"".join(files.values()).decode()
    report = replay([tmp_path / "new"], trees())
    assert list(report.lines()) == [report.summary]
    keys = {value for _, value in KEYS if value in plain}
    assert [one for one in keys if one in left or one.replace("/", "-") in left] == []
    assert bool(keys) == (folder != STORIES[3])
    numbers = {one for one in re.findall(r"(?<![0-9])9[0-9]{11}(?![0-9])", plain) if valid(one)}
    names = set(re.findall(r"<(?:Name|LatinName|nameEn|nameLocal|Наименование)>([^<]+)<", plain))
    assert numbers
    assert names
    assert [one for one in numbers | names if one in left] == []


def record_files(folder: Path) -> dict[str, bytes]:
    question, *answers = stories(played(read_fixture(folder)))
    return record(question, answer=answers[0] if answers else None)


def valid(number: str) -> bool:
    try:
        check_kz_number(number)
    except ValueError:
        return False
    return True


def test_an_answer_is_not_recorded_alone() -> None:
    _, answer = stories(played(read_fixture(STORIES[0])))
    with pytest.raises(ValueError, match="the message it answers"):
        record(answer)


def test_a_receiver_that_got_nothing_cannot_be_recorded() -> None:
    question, _ = stories(played(read_fixture(STORIES[0])))
    with pytest.raises(ValueError, match="did not go to mra_cn"):
        record(question, receiver="mra_cn")
    assert CorridorId(question.deliveries[0].corridor) == "health-query"


def test_a_fixture_that_stands_is_not_overwritten(tmp_path: Path) -> None:
    write_fixture(tmp_path / "new", {"in.xml": b"<a/>"})
    with pytest.raises(FileExistsError):
        write_fixture(tmp_path / "new", {"in.xml": b"<b/>"})


def test_the_same_value_becomes_the_same_other_value_everywhere() -> None:
    """In elements, attributes and inside longer texts; the form stays: script, case, length, kind of operator."""
    scrubber = Scrubber(b"salt")
    one = "<a x='991240999802'><Name>Сынақ ЖШС 1</Name><n>BIN 991240999802.</n><ID>AEOKZ991240999802</ID></a>".encode()
    two = "<b><nameLocal>Сынақ ЖШС 1</nameLocal><t>Сынақ ЖШС 1</t><when>202611231100</when></b>".encode()
    scrubber.learn([one, two])
    left, right = scrubber.scrub(one).decode(), scrubber.scrub(two).decode()
    numbers = set(re.findall("[0-9]{12}", left))
    (number,) = numbers
    assert valid(number)
    assert number != "991240999802"
    assert number[4:6] == "40"
    (name,) = set(re.findall(r"<(?:nameLocal|t)>([^<]+)", right))
    assert f"<Name>{name}<" in left
    assert re.fullmatch(r"[А-ЯӘҒҚҢӨҰҮҺІ][а-яәғқңөұүһі]{4} [А-ЯӘҒҚҢӨҰҮҺІ]{3} [0-9]", name)
    assert "202611231100" in right


def test_business_keys_become_others_that_hold() -> None:
    """Alone, in a longer key, in an attribute and in a sentence; check digit of a container, day of a declaration."""
    scrubber = Scrubber(b"salt")
    scrubber.learn_keys([*KEYS, ("operation", "57505/191126/0000123/1/R1"), ("lrn", "СФИ-2026-000118"), ("aeo", "A1")])
    inside = "<d>57505/191126/0000123</d><t>57505/191126/0000123/1/R1, KZ11VTS00000001.</t>"
    text = f"<a x='KZ11VTS00000001'><c>TSTU9990010</c>{inside}</a>"
    left = scrubber.scrub(text.encode()).decode()
    permit, container, declaration, told = re.findall(r"x=\"([^\"]+)|<[cdt]>([^<]+)", left)
    assert re.fullmatch(r"KZ11VTS[0-9]{8}", permit[0])
    assert re.fullmatch(r"57505/191126/[0-9]{7}", declaration[1])
    assert told[1] == f"{declaration[1]}/1/R1, {permit[0]}."
    assert check_container(container[1]) is None
    assert not {value for _, value in KEYS} & {permit[0], container[1], declaration[1]}
    assert scrubber.text("c01-57505-191126-0000123") == f"c01-{declaration[1].replace('/', '-')}"
    assert scrubber.text("СФИ-2026-000118") != "СФИ-2026-000118"
    assert scrubber.text("A1") == "A1"


def test_another_salt_gives_other_values() -> None:
    document = b"<a>991240999802</a>"
    assert Scrubber(b"1").scrub(document) != Scrubber(b"2").scrub(document)
