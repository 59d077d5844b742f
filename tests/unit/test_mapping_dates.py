"""Dates are read strictly: what does not exist or is written otherwise is refused, never guessed."""

from __future__ import annotations

import pytest

from gateway.mapping.converters import core_converter


def there(args: str, text: str) -> str:
    converter = core_converter("date", args)
    assert converter is not None
    return converter.there(text)


@pytest.mark.parametrize(
    ("args", "text", "result"),
    [
        ("102,dmy", "20261123", "23.11.2026"),
        ("dmy,102", " 23.11.2026\n", "20261123"),
        ("iso,102", "2026-11-23", "20261123"),
        ("102,iso", "20240229", "2024-02-29"),
        ("ddmmyy,iso", "010200", "2000-02-01"),
        ("iso,ddmmyy", "2099-12-31", "311299"),
        ("304,iso", "20200211114212Z", "2020-02-11T11:42:12Z"),
        ("304,iso", "20200211114212+01", "2020-02-11T11:42:12+01:00"),
        ("304,iso", "20200211114212+0530", "2020-02-11T11:42:12+05:30"),
        ("304,iso", "20200211114212", "2020-02-11T11:42:12"),
        ("304,iso", "20200211114212-00", "2020-02-11T11:42:12Z"),
        ("iso,304", "2020-02-11T11:42:12+05:00", "20200211114212+05"),
        ("iso,304", "2020-02-11T11:42:12.123456789Z", "20200211114212Z"),
        ("304,dmyhms", "20261123190000Z", "24.11.2026 00:00:00"),
        ("304,dmy", "20261123200000Z", "24.11.2026"),
        ("304,dmy", "20261123200000", "23.11.2026"),
        ("304,102", "20261123010000+09", "20261122"),
        ("astana,304", "2026-11-23T11:00:00", "20261123110000+05"),
        ("203,iso", "202611231100", "2026-11-23T11:00:00+05:00"),
        ("iso,203", "2026-11-23T06:00:59Z", "202611231100"),
        ("iso,iso", "2026-11-23T06:00:00.100Z", "2026-11-23T06:00:00.1Z"),
        ("iso,iso", "2026-11-23", "2026-11-23"),
    ],
)
def test_a_date_is_rewritten(args: str, text: str, result: str) -> None:
    assert there(args, text) == result


@pytest.mark.parametrize(
    ("args", "text"),
    [
        ("102,dmy", "20260229"), ("102,dmy", "00000101"), ("102,dmy", "20261301"), ("102,dmy", "2026112"),
        ("102,dmy", "2026112३"), ("102,dmy", "２０２６１１２３"), ("102,dmy", "20261123 1"),
        ("102,dmy", "\u00a020261123"),
        ("102,dmy", "20261123Z"), ("iso,102", "2026-11-23T00:00:00Z"), ("iso,102", "26-11-23"), ("dmy,102", "1.1.2026"),
        ("dmy,102", "11/23/2026"), ("ddmmyy,102", "320126"), ("iso,ddmmyy", "1999-12-31"), ("iso,ddmmyy", "2100-01-01"),
        ("304,iso", "20200211244212Z"), ("304,iso", "20200211114260Z"), ("304,iso", "20200211114212z"),
        ("304,iso", "20200211114212+1"), ("304,iso", "20200211114212+15"), ("304,iso", "20200211114212+0160"),
        ("304,iso", "202002111142Z"), ("304,iso", "00000211114212Z"), ("iso,304", "2026-11-23"),
        ("iso,304", "2026-11-23 11:00:00Z"), ("iso,304", "2026-W48-1T11:00:00Z"), ("304,dmy", "99991231230000Z"),
        ("304,dmy", "00010101000000+14"), ("iso,304", "2026-11-23T11:00:00+05"), ("iso,102", ""),
    ],
)  # fmt: skip
def test_what_is_no_such_date_is_refused(args: str, text: str) -> None:
    with pytest.raises(ValueError, match=r"date of format|no such|cannot say|has no time"):
        there(args, text)


@pytest.mark.parametrize("args", ["102", "102,304", "dmy,iso,iso", "epoch,iso", "iso,julian", "isodate,203", ""])
def test_a_pair_of_formats_that_cannot_be_is_refused_at_start(args: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        core_converter("date", args)


@pytest.mark.parametrize(
    ("args", "reversible"),
    [("102,dmy", True), ("304,dmy", False), ("304,iso", True), ("304,astana", False), ("dmyhms,203", False)],
)
def test_a_date_goes_back_only_when_nothing_was_lost(args: str, reversible: bool) -> None:
    converter = core_converter("date", args)
    assert converter is not None
    assert (converter.back is not None) is reversible
    assert reversible or converter.why
