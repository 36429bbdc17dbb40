"""What a gateway is without extensions, and which names of extensions it refuses."""

import subprocess
import sys
from pathlib import Path

import pytest

from app.main import Gateway
from app.settings import GatewaySettings
from inference.errors import Misconfigured
from inference.settings import read_settings
from testkit.stack import ROOT, Stack
from tests.gateway.support import HTTP, problem

FOOTBALL = "examples.football.gateway:install"
NONE_OF_IT = """
import sys
from app.main import Gateway
from app.settings import GatewaySettings
Gateway(GatewaySettings())
print(sorted({name.partition(".")[0] for name in sys.modules} \
& {"examples", "pyarrow", "pandas", "numpy", "torch"}))
"""


def test_a_gateway_without_extensions_knows_no_matches(own_stack: Stack, tmp_path: Path) -> None:
    gateway = own_stack.add_gateway(BATCH_OUTPUT_URL=str(tmp_path / "matches.parquet"))
    for path in ("/predict/6508", "/predict/matches/"):
        assert problem(HTTP.get(gateway.url + path), 404)["type"] == "urn:inference:not-found"
    page = HTTP.get(f"{gateway.url}/openapi.json")
    assert "/predict/model/info" in page.json()["paths"]
    assert not [path for path in page.json()["paths"] if "match" in path]
    assert "Match" not in page.json()["components"]["schemas"]
    assert "prediction_matches" not in HTTP.get(f"{gateway.url}/metrics").text


@pytest.mark.parametrize(("extensions", "brought"), [("", "[]"), (FOOTBALL, "['examples']")])
def test_arrow_is_not_imported_before_there_is_a_file_to_read(
    extensions: str, brought: str
) -> None:
    env = {"EXTENSIONS": extensions, "PATH": ""}
    done = subprocess.run(
        [sys.executable, "-c", NONE_OF_IT],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() == brought, done.stderr


@pytest.mark.parametrize(
    ("named", "sentence"),
    [
        (
            "examples.football",
            "EXTENSIONS: 'examples.football' is no extension: it must read package.module:function",
        ),
        (f"{FOOTBALL},{FOOTBALL}", f"EXTENSIONS: {FOOTBALL} is there more than once"),
        (
            "examples.cricket:install",
            "EXTENSIONS: examples.cricket:install can't be imported: "
            "No module named 'examples.cricket'",
        ),
        (
            "examples.football.gateway:open",
            "EXTENSIONS: examples.football.gateway has no function open",
        ),
        ("app.settings:re", "EXTENSIONS: app.settings has no function re"),
    ],
)
def test_a_wrong_name_is_refused_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch, named: str, sentence: str
) -> None:
    monkeypatch.setenv("EXTENSIONS", named)
    with pytest.raises(Misconfigured) as refused:
        Gateway(read_settings(GatewaySettings))
    assert str(refused.value) == sentence


def test_look_ups_without_arrow_are_refused_when_the_gateway_is_built(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(Misconfigured, match="need pyarrow: install the extra football"):
        Gateway(GatewaySettings(extensions=(FOOTBALL,)))


def test_what_an_extension_reads_is_refused_like_the_gateway_s_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("BATCH_REFRESH_S", "never")
    Gateway(GatewaySettings())
    with pytest.raises(Misconfigured, match="BATCH_REFRESH_S"):
        Gateway(GatewaySettings(extensions=(FOOTBALL,)))
