"""A wrong setting is told in our own words: where it was said, what is wrong, what is allowed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gateway.cli.program import run
from gateway.errors import ConfigurationError
from gateway.reasons import in_language, known
from gateway.registry import Tree
from gateway.shell.config import load_settings
from gateway.shell.faults import MEANT, OTHERWISE, SAID, UNKNOWN
from gateway.shell.partners import PartnerRecord, load_partners

FOREIGN = re.compile(r"Input should|Extra inputs|Field required|Value error|valid (?:string|list|dict)|pydantic", re.I)


def faults(file: Path, text: str) -> list[tuple[str, str]]:
    """Key and reason of everything wrong in a file of settings."""
    file.write_text(text, "utf-8")
    with pytest.raises(ConfigurationError) as refused:
        load_settings(file)
    assert {finding.params["file"] for finding in refused.value.findings} == {str(file)}
    return [(finding.params["key"], finding.params["reason"]) for finding in refused.value.findings]


@pytest.mark.parametrize(
    ("text", "key", "reason"),
    [
        ('port = "x"', "port", "a whole number is needed"),
        ("port = 1.5", "port", "a whole number is needed"),
        ("port = 99999", "port", "it must be 65535 or less"),
        ("workers = 0", "workers", "it must be 1 or more"),
        ("give_up_hours = 0", "give_up_hours", "it must be more than 0"),
        ('give_up_hours = "a day"', "give_up_hours", "a number is needed"),
        ("give_up_hours = nan", "give_up_hours", "it must be 8760 or less"),
        ('environment = "prod"', "environment", "it must be one of: demo, test, production"),
        ("public_url = 8", "public_url", "a text is needed, in quotes"),
        ("state_dir = 8", "state_dir", "the name of a file or folder is needed, in quotes"),
        ('keys = "a.pem"', "keys", "a list is needed, in [ and ]"),
        ("keys = [7]", "keys.0", "the name of a file or folder is needed, in quotes"),
        ("retention = 3", "retention", "a table is needed, with names and values"),
        ("[retention]\nmonths = -1", "retention.months", "it must be 0 or more"),
        ("[retention]\nmonth = 3", "retention.month", "nothing is called so here; did you mean months?"),
        ("prot = 8081", "prot", "nothing is called so here; did you mean port?"),
        ("zzz = 1", "zzz", "nothing is called so here"),
        ("[retention]\nmonths = 3", "retention",
         "months needs archive: nothing leaves the database before it is in files"),
        ('roots = ["/nope"]', "roots.0", "there is no folder /nope"),
        *[(f'public_url = "{wrong}"', "public_url",
           "no address: it must be like https://gateway.example or http://10.0.0.1:8081")
          for wrong in ("not a url", "gateway.example", "ftp://gateway.example", "https://", "https://a b/", "http://a:x",
                        "https://gateway.example?x", "https://me@gateway.example")],
        *[(f'[watch]\nntp_servers = ["a.example", "{wrong}"]', "watch.ntp_servers.1",
           "no host name and no IP address; a port or a scheme does not belong here")
          for wrong in ("", "not a name", "ntp://a.example", "a.example:123", "-a.example", "a..example")],
    ],
)  # fmt: skip
def test_a_wrong_setting_is_told_in_our_words(tmp_path: Path, text: str, key: str, reason: str) -> None:
    """And in Russian and Kazakh."""
    assert faults(tmp_path / "gateway.toml", text) == [(key, reason)]
    for language in ("ru", "kk"):
        assert in_language(reason, language) != reason  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text",
    [
        'public_url = ""', 'public_url = "https://xn--g1aj6bn.example/"',
        'public_url = "http://[::1]:8081"', 'public_url = "http://127.0.0.1:8081"',
        '[watch]\nntp_servers = ["0.pool.example", "10.0.0.1", "fd00::1", "time_1.local."]', 'roots = ["."]',
    ],
)  # fmt: skip
def test_a_setting_that_is_one_is_taken(tmp_path: Path, text: str) -> None:
    file = tmp_path / "gateway.toml"
    file.write_text(text, "utf-8")
    load_settings(file)


def test_a_folder_is_no_file_of_settings(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="is a folder; name the file in it"):
        load_settings(tmp_path)


def test_every_word_is_there_in_all_languages() -> None:
    spoken = {re.sub(r"\{[a-z]*\}", "{}", text) for text in (*SAID.values(), OTHERWISE, UNKNOWN, MEANT)}
    assert spoken <= known("ru").keys()
    assert spoken <= known("kk").keys()


@pytest.mark.parametrize(
    ("said", "key", "reason"),
    [
        (("GATEWAY_PORT", "many"), "port", "a whole number is needed"),
        (("GATEWAY_RETENTION__MONTHS", "-1"), "retention.months", "it must be 0 or more"),
        (("GATEWAY_KEYS", "a.pem"), "keys", "in the environment a list or a table is written as JSON"),
    ],
)
def test_a_setting_of_the_environment_is_told_by_its_variable(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, said: tuple[str, str], key: str, reason: str
) -> None:
    """No file is named that says nothing of it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(*said)
    with pytest.raises(ConfigurationError) as refused:
        load_settings()
    (finding,) = refused.value.findings
    assert finding.params == {"file": said[0], "key": key, "reason": reason}


def test_a_password_is_not_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A connection string that cannot be read may hold one."""
    file = tmp_path / "gateway.toml"
    file.write_text('database_url = "host=db password=opensesame user"', "utf-8")
    assert run(["config", "show", "--config", str(file)]) == 1
    said = capsys.readouterr().err
    assert "database_url: no PostgreSQL connection string" in said
    assert "opensesame" not in said


RECORD = """id = "new_kz"
name = {{ en = "New", ru = "Новое", kk = "Жаңа" }}
role = "pga"
{rest}
"""


@pytest.mark.parametrize(
    ("rest", "key", "reason"),
    [
        ('rol = "pga"', "rol", "nothing is called so here; did you mean role?"),
        ("[delivery]\nconcurrency = 65", "delivery.concurrency", "it must be 64 or less"),
        ('[contact]\nemail = "nobody"', "contact.email", r"it must be of the form ^([^@\s]+@[^@\s]+)?$"),
        ('[contact]\nmail = "a@b.example"', "contact.mail", "nothing is called so here; did you mean email?"),
        ("contact = 5", "contact", "a text is needed, in quotes"),
        ('digests = ["md5"]', "digests.0", "it must be one of: sha256, sha384, sha512"),
        ('attachments = "application/pdf"', "attachments", "a list is needed, in [ and ]"),
    ],
)
def test_a_wrong_partner_record_is_told_in_our_words(tmp_path: Path, rest: str, key: str, reason: str) -> None:
    """The place is a key of the record, whatever kinds of value it may have."""
    file = tmp_path / "certs" / "partners" / "new_kz.toml"
    file.parent.mkdir(parents=True)
    file.write_text(RECORD.format(rest=rest), "utf-8")
    with pytest.raises(ConfigurationError) as refused:
        load_partners(Tree((tmp_path,)), tmp_path, production=False)
    found = [(one.params["key"], one.params["reason"]) for one in refused.value.findings]
    assert (key, reason) in found
    assert not any(FOREIGN.search(said) for _, said in found)
    assert {where.partition(".")[0] for where, _ in found} <= {key.partition(".")[0], *PartnerRecord.model_fields}


def test_what_is_left_out_is_told(tmp_path: Path) -> None:
    """A record without a name."""
    file = tmp_path / "certs" / "partners" / "new_kz.toml"
    file.parent.mkdir(parents=True)
    file.write_text('id = "new_kz"\nrole = "pga"\n', "utf-8")
    with pytest.raises(ConfigurationError) as refused:
        load_partners(Tree((tmp_path,)), tmp_path, production=False)
    assert [one.params["reason"] for one in refused.value.findings] == ["it must be said, and is not"]
