"""What CA_BUNDLE adds to the CAs that a process trusts."""

import os
import re
import ssl
import tempfile
from pathlib import Path

import pytest

from inference.ca_bundle import VARIABLES, trust
from inference.errors import Misconfigured
from testkit.certificates import Authority


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def names(file: str) -> set[str]:
    """The common names of the CAs in a file."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(file)
    return set(re.findall(r"'commonName', '([^']*)'", str(context.get_ca_certs())))


def test_every_library_is_told_of_the_machine_s_cas_and_ours(tmp_path: Path) -> None:
    machine, own = Authority(tmp_path / "m", "machine").ca, Authority(tmp_path / "o", "own").ca
    environment = {"SSL_CERT_FILE": str(machine)}
    trust(str(own), environment)
    (file,) = {environment[name] for name in VARIABLES}
    assert names(file) == {"machine", "own"}
    assert os.stat(file).st_mode & 0o777 == 0o600


def test_the_machine_s_own_cas_stay_trusted(tmp_path: Path) -> None:
    environment: dict[str, str] = {}
    trust(str(Authority(tmp_path / "o", "own").ca), environment)
    found = names(environment["SSL_CERT_FILE"])
    assert "own" in found
    assert len(found) > 50, "the machine's are not there"


def test_a_start_again_leaves_one_file(tmp_path: Path, own_folder: Path) -> None:
    own = str(Authority(tmp_path / "o", "own").ca)
    environment: dict[str, str] = {}
    trust(own, environment)
    trust(own, environment)
    trust(own, {})
    assert len(list(own_folder.glob("inference-ca-*"))) == 1


def test_what_a_variable_names_already_stays_trusted_by_its_library_alone(tmp_path: Path) -> None:
    mine = Authority(tmp_path / "m", "mine").ca
    environment = {"AWS_CA_BUNDLE": str(mine)}
    trust(str(Authority(tmp_path / "o", "own").ca), environment)
    assert names(environment["AWS_CA_BUNDLE"]) == {"mine", "own"}
    assert "own" in names(environment["REQUESTS_CA_BUNDLE"])
    assert "mine" not in names(environment["REQUESTS_CA_BUNDLE"])


def test_without_a_bundle_nothing_changes() -> None:
    environment: dict[str, str] = {}
    trust("", environment)
    assert environment == {}


def test_a_file_of_another_s_is_replaced_and_not_read(tmp_path: Path) -> None:
    own = str(Authority(tmp_path / "o", "own").ca)
    environment: dict[str, str] = {}
    trust(own, environment)
    file = Path(environment["SSL_CERT_FILE"])
    good = file.read_bytes()
    file.write_bytes(b"planted")
    trust(own, {})
    assert file.read_bytes() == good


@pytest.mark.parametrize(
    ("content", "sentence"), [(None, "can't be read"), ("x", "no certificate")]
)
def test_a_bundle_that_can_not_be_used_is_refused(
    tmp_path: Path, content: str | None, sentence: str
) -> None:
    bundle = tmp_path / "ca.pem"
    if content is not None:
        bundle.write_text(content)
    with pytest.raises(Misconfigured, match=sentence):
        trust(str(bundle), {})
