"""The command line as people type it: help, mistakes, exit codes and the two forms of output."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.cli.program import run

ROOT = Path(__file__).resolve().parents[2]
FIXTURES = ROOT / "adapters" / "health_kz" / "fixtures"
GOOD = FIXTURES / "10-query-ok" / "in.xml"
BAD = FIXTURES / "38-bin-with-a-cyrillic-letter" / "in.xml"
COMMANDS = [
    "demo",
    "serve",
    "worker",
    "send",
    "validate",
    "replay",
    "map",
    "doctor",
    "fixture",
    "certs",
    "partner",
    "lanes",
]


def told(capsys: pytest.CaptureFixture[str], *words: str | Path) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of a command line."""
    code = run([str(word) for word in words])
    caught = capsys.readouterr()
    return code, caught.out, caught.err


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands run in an empty directory, without settings."""
    monkeypatch.chdir(tmp_path)


def test_help_names_every_command_and_loads_nothing_heavy() -> None:
    """Nothing heavy is imported to say what there is."""
    loaded = (
        "import sys; print([m for m in ('lxml', 'flask', 'psycopg', 'xmlschema', 'cryptography') if m in sys.modules])"
    )
    code = f"from gateway.cli.program import run; run(['--help']); {loaded}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert all(command in done.stdout for command in [*COMMANDS, "config", "db"])
    assert done.stdout.splitlines()[-1] == "[]"
    assert "│ simulate" not in done.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """--help ends with 0 and says what the command is for."""
    code, out, _ = told(capsys, command, "--help")
    assert code == 0
    assert "Usage:" in out


def test_an_unknown_command_is_guessed(capsys: pytest.CaptureFixture[str]) -> None:
    """Wrong words end with 2 and name what was probably meant."""
    code, _, err = told(capsys, "replya")
    assert code == 2
    assert "Did you mean 'replay'?" in err


def test_an_unknown_partner_is_guessed(capsys: pytest.CaptureFixture[str]) -> None:
    """A wrong partner id too."""
    code, _, err = told(capsys, "partner", "show", "helth_kz")
    assert code == 2
    assert "Did you mean health_kz?" in err


def test_an_unknown_document_type_is_guessed(capsys: pytest.CaptureFixture[str]) -> None:
    """A wrong document type too."""
    code, _, err = told(capsys, "send", GOOD, "--as", "customs_kz", "--type", "LPCO_QUERI")
    assert code == 2
    assert "Did you mean LPCO_QUERY" in err


def test_an_unknown_table_is_guessed(capsys: pytest.CaptureFixture[str]) -> None:
    """A wrong mapping table too."""
    code, _, err = told(capsys, "map", "health_kz/querry", GOOD)
    assert code == 2
    assert "Did you mean health_kz/query" in err


def test_a_wrong_option_value_ends_with_two(capsys: pytest.CaptureFixture[str]) -> None:
    """Words that do not fit together are not tried."""
    assert told(capsys, "send", GOOD, "--as", "customs_kz", "--soap", "--rest")[0] == 2
    assert told(capsys, "demo", "--once", "--ports", "eighty")[0] == 2
    for ports, why in (("1,2", "below 1024"), ("18080,18080", "a port of its own")):
        code, _, err = told(capsys, "demo", "--once", "--ports", ports)
        assert (code, why in err) == (2, True)
    assert told(capsys, "chaos", "--kills", "0")[0] == 2


def test_a_demo_of_nothing_says_what_there_is(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Before anything is started."""
    code, out, err = told(capsys, "demo", "--once", "--only", "zzzz")
    assert (code, out) == (2, "")
    assert err.startswith("error: there is no fixture 'zzzz'. Known: ")
    assert "10-query-ok" in err
    assert "Did you mean health_kz/10-query-ok?" in told(capsys, "demo", "--once", "--only", "10-querry-ok")[2]
    assert list(tmp_path.iterdir()) == []


def test_validate_says_where_what_and_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    """file:line:col rule path = "value" - WCO id name: text hint; 1 when any file is not valid."""
    code, out, _ = told(capsys, "validate", GOOD, BAD)
    good, bad = out.splitlines()
    assert code == 1
    assert good == f"{GOOD}: valid LPCO_QUERY (xsd/lpco/query.xsd)"
    assert bad.startswith(f'{BAD}:14:5 xsd.pattern /LPCOQuery/Importer/ID = "9912409998О2" - WCO R038 ')
    assert "Cyrillic" in bad


def test_only_ids_of_the_wco_are_called_so(capsys: pytest.CaptureFixture[str]) -> None:
    """Ids that we gave ourselves begin with KZ and say nothing of the WCO."""
    assert " - WCO R038 " in told(capsys, "validate", BAD)[1]
    _, out, _ = told(capsys, "validate", FIXTURES / "41-element-missing" / "in.xml")
    assert " - KZ013 " in out
    assert "WCO" not in out


def test_a_file_that_is_not_there_is_a_wrong_call(capsys: pytest.CaptureFixture[str]) -> None:
    """Not an error of ours."""
    code, _, err = told(capsys, "send", "nothing.xml", "--as", "customs_kz")
    assert (code, err) == (2, "error: no such file: nothing.xml\n")


def test_validate_ends_with_zero_when_all_is_well(capsys: pytest.CaptureFixture[str]) -> None:
    """No finding, no failure."""
    assert told(capsys, "validate", GOOD)[0] == 0


@pytest.mark.parametrize(("language", "word"), [("ru", "кириллические"), ("kk", "кирилл әріптері")])
def test_validate_speaks_the_language_asked_for(language: str, word: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Russian and Kazakh are as good as English."""
    assert word in told(capsys, "validate", BAD, "--lang", language)[1]


def test_validate_gives_one_object_per_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file that is no XML, has no schema or is not there is one more line, never a stop."""
    (tmp_path / "broken.xml").write_text("<LPCOQuery", "utf-8")
    (tmp_path / "unknown.xml").write_text("<Order xmlns='urn:other'/>", "utf-8")
    files = [BAD, tmp_path / "broken.xml", tmp_path / "unknown.xml", tmp_path / "absent.xml", GOOD]
    code, out, _ = told(capsys, "validate", "--json", *files)
    lines = [json.loads(line) for line in out.splitlines()]
    assert code == 1
    assert [line["file"] for line in lines] == [str(file) for file in files]
    assert [line["valid"] for line in lines] == [False, False, False, False, True]
    assert [line["findings"][0]["rule"] for line in lines[:4]] == [
        "xsd.pattern", "xml.malformed", "schema.unknown-root", "file.unreadable",
    ]  # fmt: skip
    assert all(set(line) == {"file", "valid", "schema", "type", "findings"} for line in lines)
    assert lines[4]["type"] == "LPCO_QUERY"


def test_replay_passes_the_shipped_stories(capsys: pytest.CaptureFixture[str]) -> None:
    """0 when all passed, and one JSON object on request."""
    code, out, _ = told(capsys, "replay", "--json", FIXTURES / "10-query-ok", FIXTURES / "41-element-missing")
    assert code == 0
    assert json.loads(out)["passed"] == 2


def test_replay_shows_a_difference_and_a_broken_fixture(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """1 for differences, 3 for a fixture that cannot be played, 2 for a folder that is not there."""
    copy = tmp_path / "10-copy"
    copy.mkdir()
    for file in (FIXTURES / "10-query-ok").iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    out_file = copy / "out.xml"
    out_file.write_text(out_file.read_text("utf-8").replace("57505/191126/0000123", "57505/191126/0000999"), "utf-8")
    code, out, _ = told(capsys, "replay", copy, "--junit", tmp_path / "junit.xml")
    assert code == 1
    assert "mappings/health_kz/query.csv" in out
    assert b"<failure" in (tmp_path / "junit.xml").read_bytes()
    out_file.unlink()
    assert told(capsys, "replay", copy)[0] == 3
    assert told(capsys, "replay", tmp_path / "nowhere")[0] == 2


def test_map_translates_and_explains(capsys: pytest.CaptureFixture[str]) -> None:
    """The document in the agency's words, and the rule and source of every value."""
    code, out, _ = told(capsys, "map", "health_kz/query", GOOD)
    assert code == 0
    assert "KZ11VTS00000001" in out
    values = json.loads(told(capsys, "map", "health_kz/query", GOOD, "--json")[1])["values"]
    number = next(one for one in values if one["value"] == "KZ11VTS00000001")
    assert number["rule"]
    assert list(number["sources"].values()) == ["KZ11VTS00000001"]


def test_certificates_are_made_listed_and_checked(capsys: pytest.CaptureFixture[str]) -> None:
    """`certs dev` is safe to repeat, keys are for their owner only, and `certs check` is content with new ones."""
    assert told(capsys, "certs", "check")[0] == 1
    assert told(capsys, "certs", "dev")[0] == 0
    assert "already" in told(capsys, "certs", "dev")[1]
    assert told(capsys, "certs", "check")[0] == 0
    keys = [*Path(".state/keys").glob("*.pem"), *Path(".state/demo").glob("*/*.pem")]
    assert keys
    assert all(file.stat().st_mode & 0o077 == 0 for file in keys)
    listed = json.loads(told(capsys, "certs", "list", "--json")[1])
    assert {one["of"] for one in listed} == {"gateway", "partners"}


def test_doctor_is_red_without_keys_and_not_with_them(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 1 on any red; each check says what to do."""
    code, out, _ = told(capsys, "doctor", "--json")
    checks = {one["name"]: one for one in json.loads(out)["checks"]}
    assert code == 1
    assert checks["keys"]["colour"] == "red"
    assert "gateway certs dev" in checks["keys"]["do"]
    assert checks["partners"]["colour"] == "yellow"
    told(capsys, "certs", "dev")
    code, out, _ = told(capsys, "doctor", "--json")
    assert code == 0
    assert json.loads(out)["ok"]


def test_doctor_sees_a_row_that_keeps_the_doors_shut(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """File, line and reason, before a restart finds out."""
    table = tmp_path / "mine" / "mappings" / "health_kz" / "query.csv"
    table.parent.mkdir(parents=True)
    good = (ROOT / "mappings" / "health_kz" / "query.csv").read_text("utf-8")
    table.write_text(good.replace("LPCOQuery/Importer/Name", "LPCOQuery/Importer/Nam"), "utf-8")
    (tmp_path / "gateway.toml").write_text('roots = ["mine"]', "utf-8")
    code, out, _ = told(capsys, "doctor")
    assert code == 1
    (line,) = [line for line in out.splitlines() if " adapters " in line]
    assert line.startswith("red")
    assert "LPCOQuery/Importer/Nam: not in the source schema" in line
    assert ":14 " in line


def test_doctor_sees_a_key_that_others_can_read(capsys: pytest.CaptureFixture[str]) -> None:
    """A key file with a wrong mode is red."""
    told(capsys, "certs", "dev")
    next(Path(".state/keys").glob("*.pem")).chmod(0o644)
    code, out, _ = told(capsys, "doctor")
    assert code == 1
    assert "chmod 600" in out


def test_a_wrong_setting_names_file_and_key(capsys: pytest.CaptureFixture[str]) -> None:
    """Errors are a block with code, file and key, never a traceback."""
    Path("gateway.toml").write_text("prot = 8081\nworkers = 0\n", "utf-8")
    code, _, err = told(capsys, "config", "show")
    assert code == 1
    assert "error configuration:" in err
    assert "gateway.toml prot:" in err
    assert "gateway.toml workers:" in err
    assert "Traceback" not in err


def test_debug_shows_the_traceback() -> None:
    """Only on request."""
    Path("gateway.toml").write_text("prot = 8081\n", "utf-8")
    with pytest.raises(Exception, match="the settings cannot be used"):
        run(["--debug", "config", "show"])


def test_settings_are_shown_as_they_are(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The environment wins over the file."""
    Path("gateway.toml").write_text("port = 9000\nthreads = 3\n", "utf-8")
    monkeypatch.setenv("GATEWAY_PORT", "9001")
    shown = json.loads(told(capsys, "config", "show", "--json")[1])
    assert (shown["port"], shown["threads"]) == (9001, 3)


def test_sending_where_nobody_listens_is_said_in_one_block(capsys: pytest.CaptureFixture[str]) -> None:
    """The network's trouble is a refusal like any other."""
    told(capsys, "certs", "dev")
    code, _, err = told(capsys, "send", GOOD, "--as", "customs_kz", "--url", "http://127.0.0.1:9")
    assert code == 1
    assert err.startswith("error delivery.failed: http://127.0.0.1:9")


def test_a_document_that_is_not_valid_is_not_sent(capsys: pytest.CaptureFixture[str]) -> None:
    """Its findings are shown instead."""
    code, _, err = told(capsys, "send", BAD, "--as", "customs_kz")
    assert code == 1
    assert "xsd.pattern" in err


def test_a_document_too_long_for_the_command_is_not_called_malformed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Which limit it is, and how such a message goes."""
    monkeypatch.setenv("GATEWAY_LARGEST_MESSAGE", "1000")
    code, _, err = told(capsys, "send", GOOD, "--as", "customs_kz")
    assert code == 2
    assert err.startswith(f"error: {GOOD} is longer than largest_message (1000 octets)")
    assert "your own software" in err


def test_the_database_that_does_not_run_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    """No traceback, and what to do."""
    code, _, err = told(capsys, "db", "status")
    assert code == 1
    assert "gateway serve" in err


@pytest.mark.parametrize("command", ["map health_kz/query", "loss health_kz/query", "twin to-xml"])
def test_a_folder_in_the_place_of_a_file_is_a_wrong_call(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What cannot be read is named with the system's reason, and never called an error of the program."""
    code, _, error = told(capsys, *command.split(), tmp_path)
    assert code == 2
    assert error.startswith(f"error: {tmp_path}")
    assert "Is a directory" in error
    assert "internal" not in error


def test_settings_in_no_encoding_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A settings file that is not UTF-8 is a problem of the settings, with its place."""
    file = tmp_path / "own.toml"
    file.write_bytes(b"host = '\xff'")
    code, _, error = told(capsys, "config", "show", "--config", file)
    assert (code, error) == (1, f"error configuration: {file} is not UTF-8 at octet 9\n")


def test_a_list_in_the_environment_is_json(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """One that is not is a problem of the settings, and the setting is named."""
    monkeypatch.setenv("GATEWAY_ROOTS", "[")
    code, _, error = told(capsys, "config", "show")
    assert code == 1
    assert error.startswith("error configuration: ")
    assert "GATEWAY_ROOTS roots: " in error
    assert "JSON" in error


def test_settings_are_shown_as_people_write_them(capsys: pytest.CaptureFixture[str]) -> None:
    """No brackets, quotes and braces of a programming language."""
    code, out, _ = told(capsys, "config", "show")
    assert code == 0
    assert "clock_limit_seconds = 60.0" in out
    assert not set("{}[]'") & set(out)


def test_months_to_come_are_not_archived(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The running month would leave under the feet of those who write to it; nothing is opened for that."""
    code, _, error = told(capsys, "db", "archive", tmp_path / "files", "--before", "2999-01-01", "--drop")
    assert (code, error) == (
        2,
        "error: 2999-01-01 has not come yet, and only months that have ended are archived\n",
    )
    assert not (tmp_path / "files").exists()


def test_a_dump_without_its_manifest_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Which file is missing, in words."""
    dump = tmp_path / "gateway.dump"
    dump.write_bytes(b"PGDMP")
    code, _, error = told(capsys, "db", "restore", dump)
    assert code == 1
    assert f"{dump}.manifest.json is not there" in error
