"""The client kit as a partner uses it: its own folder, its own process, the examples as they are written."""

from __future__ import annotations

import ast
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from lxml import etree

from gateway.errors import ConfigurationError, NotFound
from gateway.kit.make import CODE, make_kit
from gateway.shell.config import Settings
from tests.running import PARTNERS, Running


def run(kit: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """A command in the kit's folder, with nothing of this project in sight."""
    words = [sys.executable, "-I", "-c", _RUN, *command]
    return subprocess.run(words, cwd=kit, capture_output=True, text=True, timeout=120, check=False)


_RUN = """import runpy, sys
sys.argv = sys.argv[1:]
sys.path.insert(0, '.')
runpy.run_path(sys.argv[0], run_name='__main__')
"""


def test_every_soap_sample_is_accepted(kits: dict[str, Path]) -> None:
    """`send_soap.py` for each sample of customs; receipts are kept."""
    kit = kits["customs_kz"]
    samples = sorted((kit / "samples").glob("*.xml"))
    assert len(samples) == 9
    for sample in samples:
        done = run(kit, "send_soap.py", f"samples/{sample.name}")
        assert done.returncode == 0, done.stdout + done.stderr
        assert done.stdout.startswith("accepted urn:uuid:")
    kept = list((kit / "receipts").glob("*.xml"))
    assert len(kept) == len(samples)
    assert all(etree.parse(str(file)).getroot() is not None for file in kept)


def test_the_same_message_again_is_accepted_again(kits: dict[str, Path]) -> None:
    """`--message-id` of before: the same receipt."""
    words = ("send_soap.py", "samples/LPCO_QUERY.xml", "--message-id", "urn:uuid:kit-twice")
    first, again = run(kits["customs_kz"], *words), run(kits["customs_kz"], *words)
    assert first.stdout == again.stdout
    assert first.returncode == 0, first.stdout + first.stderr


def test_a_refused_message_says_why(kits: dict[str, Path], tmp_path: Path) -> None:
    """Exit 1 and the findings, at both doors."""
    bad = tmp_path / "LPCO_QUERY.xml"
    good = (kits["customs_kz"] / "samples" / "LPCO_QUERY.xml").read_text("utf-8")
    bad.write_text(good.replace(">IM<", ">XX<"), "utf-8")
    for script in ("send_soap.py", "send_rest.py"):
        done = run(kits["customs_kz"], script, str(bad))
        assert done.returncode == 1, done.stdout + done.stderr
        assert "schema.violation" in done.stdout
        assert "DirectionCode" in done.stdout


def test_rest_examples_send_and_pull(kits: dict[str, Path]) -> None:
    """The register sends a list; customs asks by REST; the ministry pulls and acknowledges until nothing waits."""
    sent = run(kits["aeo_registry_kz"], "send_rest.py")
    assert (sent.returncode, sent.stdout[:9]) == (0, "accepted "), sent.stdout + sent.stderr
    asked = run(kits["customs_kz"], "send_rest.py", "samples/LPCO_QUERY.xml")
    assert asked.returncode == 0, asked.stdout + asked.stderr
    pulled = run(kits["health_kz"], "pull_rest.py")
    assert pulled.returncode == 0, pulled.stdout + pulled.stderr
    assert "HEALTH_PERMIT_QUERY" in pulled.stdout
    assert list((kits["health_kz"] / "inbox").glob("*.xml"))
    assert run(kits["health_kz"], "pull_rest.py").stdout == "nothing more waits\n"


def test_who_only_answers_is_told_so(kits: dict[str, Path]) -> None:
    """The ministry's first message names a question that came; the kit says it, and says what happens without."""
    readme = {partner: (kit / "README.md").read_text("utf-8") for partner, kit in kits.items()}
    assert "send_soap.py --relates-to ID" in readme["health_kz"]
    assert "relates-to ID" not in readme["customs_kz"]
    assert run(kits["customs_kz"], "send_rest.py", "samples/LPCO_QUERY.xml").returncode == 0
    asked = re.search(r"urn:uuid:[0-9a-f-]{36}", run(kits["health_kz"], "pull_rest.py").stdout)
    assert asked is not None
    done = run(kits["health_kz"], "send_rest.py", "samples/HEALTH_PERMIT_ANSWER.xml", "--relates-to", asked[0])
    assert (done.returncode, done.stdout[:9]) == (0, "accepted "), done.stdout + done.stderr
    bare = run(kits["health_kz"], "send_rest.py", "samples/HEALTH_PERMIT_ANSWER.xml")
    assert bare.returncode == 1
    assert "message.unrelated" in bare.stdout


def test_two_partners_never_share_a_kit(gateway: Running, kits: dict[str, Path]) -> None:
    """Else one would be handed the keys of the other."""
    with pytest.raises(ConfigurationError, match="keys of customs_kz"):
        make_kit(gateway.house.settings, "mra_cn", kits["customs_kz"])
    assert not list((kits["customs_kz"] / "keys").glob("mra_cn*"))


def test_an_untrusted_gateway_is_not_believed(kits: dict[str, Path], tmp_path: Path) -> None:
    """With another certificate in trust/ the answer proves nothing: exit 2."""
    for partner, script in (("customs_kz", "send_soap.py"), ("aeo_registry_kz", "send_rest.py")):
        kit = tmp_path / partner
        shutil.copytree(kits[partner], kit)
        for file in (kit / "trust").glob("gateway-*.pem"):
            shutil.copyfile(kit / "trust" / "demo-ca.pem", file)
        done = run(kit, script)
        assert done.returncode == 2, done.stdout + done.stderr
        assert "not proven" in done.stdout


@pytest.mark.parametrize("partner", PARTNERS)
def test_a_kit_is_complete_and_private(kits: dict[str, Path], partner: str) -> None:
    """Keys 0600, settings that name files that are there, samples valid by the XSDs of the kit."""
    kit = kits[partner]
    said = json.loads((kit / "kit.json").read_text("utf-8"))
    names = [*said["soap"].values(), *said["rest"].values(), *said["gatewayCertificates"]]
    assert all((kit / name).is_file() for name in names)
    assert all(file.stat().st_mode & 0o077 == 0 for file in (kit / "keys").iterdir())
    assert all(
        (kit / name).is_file() for name in ("README.md", "requirements.txt", "gateway.wsdl", "openapi.json", *CODE)
    )
    assert "{" not in re.sub(r"```.*?```", "", (kit / "README.md").read_text("utf-8"), flags=re.S)
    shared = {f"xsd/gateway/{name}.xsd" for name in ("receipt", "notice", "problem")}
    assert shared <= {str(file.relative_to(kit)) for file in kit.rglob("*.xsd")}
    for file in kit.rglob("*.xsd"):
        etree.XMLSchema(etree.parse(str(file)))
    assert list((kit / "samples").glob("*.xml"))


def test_kit_code_knows_nothing_of_the_gateway_package() -> None:
    """Standard library and the four packages of requirements.txt only."""
    folder = Path(make_kit.__code__.co_filename).parent / "templates"
    allowed = {*sys.stdlib_module_names, "zeep", "lxml", "cryptography", "requests", "gateway_zeep", "gateway_rest"}
    for name in CODE:
        for node in ast.walk(ast.parse((folder / name).read_text("utf-8"))):
            found = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            found += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert {one.partition(".")[0] for one in found} <= allowed, name


def test_outside_a_demo_the_kit_makes_a_key_and_a_request(gateway: Running, tmp_path: Path) -> None:
    """A private key of its own and a request that it signed; a second kit keeps the key."""
    given = gateway.house.settings
    settings = Settings(environment="test", state_dir=given.state_dir, port=given.port, database_url="host=x")
    made = make_kit(settings, "customs_kz", tmp_path)
    keys = [file for file in made if file.name.endswith(".key.pem")]
    assert [file.name for file in keys] == ["customs_kz-rsa.key.pem", "customs_kz-ec.key.pem"]
    for file in keys:
        request = x509.load_pem_x509_csr(file.with_name(file.name.replace(".key.", ".csr.")).read_bytes())
        private = load_pem_private_key(file.read_bytes(), None)
        assert request.is_signature_valid
        assert request.public_key() == private.public_key()
        assert file.stat().st_mode & 0o077 == 0
    before = keys[0].read_bytes()
    make_kit(settings, "customs_kz", tmp_path)
    assert keys[0].read_bytes() == before


def test_no_kit_for_a_stranger(gateway: Running, tmp_path: Path) -> None:
    """NotFound."""
    with pytest.raises(NotFound):
        make_kit(gateway.house.settings, "nobody", tmp_path)


def test_a_kit_is_the_same_every_time(gateway: Running, kits: dict[str, Path], tmp_path: Path) -> None:
    """Made twice, byte for byte the same."""
    for file in make_kit(gateway.house.settings, "aeo_registry_kz", tmp_path):
        assert file.read_bytes() == (kits["aeo_registry_kz"] / file.relative_to(tmp_path)).read_bytes()
