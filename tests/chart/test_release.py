"""`scripts/release`: images and chart for a registry, with recorders in the place of programs.

Helm packages the chart for real; nothing is pushed anywhere.
"""

import io
import json
import os
import shlex
import stat
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from scripts.charts.tools import ROOT, path_of
from scripts.releasing import images, version
from scripts.releasing.programs import Unreleasable
from tests.chart.rendering import OWN_PARTS, TRYOUT, containers, merged, render

REGISTRY = "registry.example.com/team"
DIGESTS = {name: "sha256:" + str(n) * 64 for n, name in enumerate(("api", "worker", "tryout"), 1)}
CHART_DIGEST = "sha256:" + "f" * 64
COMMIT = "0123456789abcdef0123456789abcdef01234567"

RECORDER = """#!/usr/bin/env bash
printf '%s' "$(basename "$0")" >> "$CALLS"; printf ' %q' "$@" >> "$CALLS"; echo >> "$CALLS"
"""
BUILDER = """
name=${!#}; part=${name##*inference-}; part=${part%%:*}
declare -A digests=(@DIGESTS@)
case "$1-$2" in
  push---digestfile=*) printf '%s' "${digests[$part]}" > "${2#--digestfile=}" ;;
  image-inspect) printf '["else.example.com/x@sha256:0", "%s"]' "${name%:*}@${digests[$part]}" ;;
esac
"""
HELM = """
case "$1" in
  push) echo "Pushed: $3/inference:0.1.0" >&2; echo "Digest: @CHART@" >&2 ;;
  *) exec @HELM@ "$@" ;;
esac
"""
GIT = """
case "$1" in status) printf '%s' "$CHANGED" ;; rev-parse) echo @COMMIT@ ;; esac
"""


@dataclass
class Bench:
    """A PATH of recorders, and what they were called with."""

    folder: Path
    changed: str = ""

    def add(self, name: str, body: str = "") -> None:
        program = self.folder / "bin" / name
        program.parent.mkdir(exist_ok=True)
        for word, value in {
            "@DIGESTS@": " ".join(f"[{part}]={digest}" for part, digest in DIGESTS.items()),
            "@CHART@": CHART_DIGEST,
            "@HELM@": str(path_of("helm")),
            "@COMMIT@": COMMIT,
        }.items():
            body = body.replace(word, value)
        program.write_text(RECORDER + body, encoding="utf-8")
        program.chmod(program.stat().st_mode | stat.S_IXUSR)

    def release(self, *options: str) -> subprocess.CompletedProcess[str]:
        env = os.environ | {
            "PATH": f"{self.folder / 'bin'}:/usr/bin:/bin",
            "CALLS": str(self.folder / "calls"),
            "CHANGED": self.changed,
        }
        out = ["--registry", REGISTRY, "--out", str(self.out)]
        command = [str(ROOT / "scripts" / "release"), *out, *options]
        return subprocess.run(command, check=False, capture_output=True, text=True, env=env)

    @property
    def out(self) -> Path:
        return self.folder / "out"

    def calls(self, program: str) -> list[list[str]]:
        """What a program was called with, each time."""
        file = self.folder / "calls"
        lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
        return [words[1:] for line in lines if (words := shlex.split(line))[0] == program]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    made = Bench(tmp_path)
    made.add("docker", BUILDER)
    made.add("helm", HELM)
    made.add("git", GIT)
    return made


def test_images_and_chart_are_built_for_the_registry_and_nothing_leaves(bench: Bench) -> None:
    done = bench.release("--build-arg", "worker:UV_TORCH_BACKEND=cpu", "--build-arg", "A=b:c")
    assert done.returncode == 0, done.stderr
    built = bench.calls("docker")
    assert [call[0] for call in built] == ["build"] * 3
    for call, (part, dockerfile) in zip(built, images.DOCKERFILES.items(), strict=True):
        assert f"--file={dockerfile}" in call
        assert (ROOT / dockerfile).exists()
        assert f"--tag={REGISTRY}/inference-{part}:0.1.0" in call
        assert f"--label=org.opencontainers.image.revision={COMMIT}" in call
        assert "--build-arg=A=b:c" in call
        assert ("--build-arg=UV_TORCH_BACKEND=cpu" in call) is (part == "worker")
    assert [call[0] for call in bench.calls("helm")] == ["package"]
    assert {path.name for path in bench.out.iterdir()} == {
        "inference-0.1.0.tgz",
        "changes-0.1.0.md",
    }


def test_the_packaged_chart_takes_its_images_from_the_registry(bench: Bench) -> None:
    assert bench.release().returncode == 0
    package = bench.out / "inference-0.1.0.tgz"
    rendered = render(TRYOUT, chart=package)
    found = {each["image"] for _, pod in rendered.pods() for each in containers(pod)}
    assert found == {f"{REGISTRY}/inference-{part}:0.1.0" for part in images.DOCKERFILES}
    with tarfile.open(package) as tar:
        names = tar.getnames()
        page = _text(tar, "inference/README.md")
        schema = json.loads(_text(tar, "inference/values.schema.json"))
    assert f'| `image.registry` | `"{REGISTRY}"` |' in page
    assert schema["properties"]["image"]["properties"]["registry"]["default"] == REGISTRY
    assert not [name for name in names if "/ci/" in name]


def _text(tar: tarfile.TarFile, name: str) -> str:
    file = tar.extractfile(name)
    assert file is not None
    return io.TextIOWrapper(file, "utf-8").read()


@pytest.mark.parametrize("builder", ["docker", "podman"])
def test_what_is_pushed_is_pinned_and_signed_by_its_digest(bench: Bench, builder: str) -> None:
    bench.add("podman", BUILDER)
    bench.add("cosign")
    done = bench.release("--push", "--builder", builder, "--cosign-key", "k8s://a/b")
    assert done.returncode == 0, done.stderr
    pushed = [call[-1] for call in bench.calls(builder) if call[0] == "push"]
    assert pushed == [f"{REGISTRY}/inference-{part}:0.1.0" for part in images.DOCKERFILES]
    package = str(bench.out / "inference-0.1.0.tgz")
    assert bench.calls("helm")[1:] == [["push", package, f"oci://{REGISTRY}/charts"]]
    signed = [f"{REGISTRY}/inference-{part}@{digest}" for part, digest in DIGESTS.items()]
    signed.append(f"{REGISTRY}/charts/inference@{CHART_DIGEST}")
    assert bench.calls("cosign") == [["sign", "--yes", "--key=k8s://a/b", one] for one in signed]
    pins = yaml.safe_load((bench.out / "digests-values.yaml").read_text(encoding="utf-8"))
    worker = render(merged(OWN_PARTS, pins)).one("Deployment", "match-outcome")
    assert containers(worker["spec"]["template"])[0]["image"] == signed[1]


def test_without_cosign_it_is_pushed_and_said_not_to_be_signed(bench: Bench) -> None:
    done = bench.release("--push")
    assert done.returncode == 0, done.stderr
    assert "not signed: cosign is not on PATH" in done.stdout


def test_a_dry_run_says_every_command_and_runs_none(bench: Bench) -> None:
    bench.add("cosign")
    done = bench.release("--push", "--dry-run")
    assert done.returncode == 0, done.stderr
    said = [line.split()[1:3] for line in done.stdout.splitlines() if line.startswith("+ ")]
    assert [f"{Path(program).name} {verb}" for program, verb in said] == (
        ["docker build"] * 3
        + ["helm package"]
        + ["docker push"] * 3
        + ["helm push"]
        + ["cosign sign"] * 4
    )
    assert not bench.out.exists()
    assert bench.calls("docker") == bench.calls("helm") == bench.calls("cosign") == []


def test_what_no_commit_has_is_built_and_never_pushed(bench: Bench) -> None:
    bench.changed = " M app/main.py\n"
    refused = bench.release("--push")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "app/main.py has changes that are in no commit" in refused.stderr
    assert bench.calls("docker") == []
    assert bench.release().returncode == 0
    assert f"--label=org.opencontainers.image.revision={COMMIT}-dirty" in bench.calls("docker")[0]


def test_a_program_that_fails_ends_it_with_what_it_said(bench: Bench) -> None:
    bench.add("docker", "echo no space left; exit 3")
    done = bench.release("--push")
    assert done.returncode == 1
    assert "no space left" in done.stderr
    assert len(bench.calls("docker")) == 1
    assert bench.calls("helm") == []


@pytest.mark.parametrize(
    ("option", "sentence"),
    [
        (["--registry", "https://registry.example.com"], "is no registry"),
        (["--registry", "Team"], "is no registry"),
        (["--build-arg", "gateway:A=b"], "the image one of api, worker, tryout"),
        (["--build-arg", "A"], "must read NAME=VALUE"),
    ],
)
def test_a_senseless_call_is_refused(bench: Bench, option: list[str], sentence: str) -> None:
    done = bench.release(*option)
    assert done.returncode == 2
    assert sentence in done.stderr


def test_project_and_chart_are_of_one_version_that_has_its_changes(tmp_path: Path) -> None:
    this = version.read()
    assert version.changes(this)
    (tmp_path / "Chart.yaml").write_text("version: 0.2.0\nappVersion: 0.1.0\n", encoding="utf-8")
    with pytest.raises(Unreleasable, match=r"Chart.yaml's version is 0\.2\.0"):
        version.read(chart=tmp_path)


def test_the_changes_of_a_version_end_where_those_of_another_begin() -> None:
    text = "# Changes\n\n## 0.10.0\n\n- ten\n\n## 0.1.0 — a date\n\n- one\n- more\n\n## 0.0.1\n\n"
    assert version.changes("0.1.0", text) == "- one\n- more\n"
    assert version.changes("0.10.0", text) == "- ten\n"
    for nothing in ("0.0.1", "1.0.0"):
        with pytest.raises(Unreleasable, match="says nothing of"):
            version.changes(nothing, text)
