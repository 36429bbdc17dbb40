"""Every file of charts/inference/ci renders, and Kubernetes accepts the result.

KEDA and Helm's linter must accept it as well.
"""

import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

from scripts.charts.__main__ import drifted
from scripts.charts.tools import CHART, ROOT, output, run
from tests.chart import schemas
from tests.chart.rendering import (
    OWN_PARTS,
    SCENARIOS,
    TRYOUT,
    Refused,
    containers,
    merged,
    render,
    scenario,
)

every_scenario = pytest.mark.parametrize("name", SCENARIOS)


def kubeconform(folder: Path, version: str, text: str) -> subprocess.CompletedProcess[str]:
    location = str(folder / version / schemas.LOCATION)
    return run("kubeconform", "-strict", "-summary", "-schema-location", location, stdin=text)


@every_scenario
@pytest.mark.parametrize("version", [schemas.OLDEST, schemas.NEWEST])
def test_kubernetes_and_keda_know_every_field(name: str, version: str, schema_folder: Path) -> None:
    rendered = scenario(name)
    done = kubeconform(schema_folder, max(version, schemas.SINCE.get(name, "")), rendered.text)
    assert done.returncode == 0, done.stdout
    assert f"Valid: {len(rendered.all)}, Invalid: 0, Errors: 0, Skipped: 0" in done.stdout


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("automountServiceAccountToken:", "automountToken:"),
        ("pollingInterval: 10", 'pollingInterval: "10"'),
        ("maxReplicaCount:", "mostReplicas:"),
    ],
)
def test_the_check_of_fields_sees_a_wrong_one(field: str, wrong: str, schema_folder: Path) -> None:
    text = scenario("tryout").text.replace(field, wrong)
    assert kubeconform(schema_folder, schemas.NEWEST, text).returncode != 0


@every_scenario
def test_the_linter_has_nothing_to_say(name: str) -> None:
    output(
        "helm",
        "lint",
        "--strict",
        str(CHART),
        "--values",
        str(CHART / "ci" / f"{name}-values.yaml"),
    )


@every_scenario
def test_no_two_objects_have_one_name_and_no_name_is_too_long(name: str) -> None:
    names = [(each["kind"], each["metadata"]["name"]) for each in scenario(name).all]
    assert len(names) == len(set(names))
    assert max(len(each) for _, each in names) <= 63


@every_scenario
def test_everything_says_whose_it_is_by_kubernetes_own_labels(name: str) -> None:
    for each in scenario(name).all:
        if each["metadata"]["name"].startswith("inference-extra") or each["metadata"][
            "name"
        ].startswith("inference-text"):
            continue  # extraObjects are the user's own
        labels = each["metadata"]["labels"]
        assert labels["app.kubernetes.io/instance"] == "inference"
        assert {"name", "component", "version", "part-of", "managed-by"} <= {
            key.partition("/")[2] for key in labels
        }


def test_a_selector_never_changes_and_a_new_version_of_the_chart_replaces_no_pod() -> None:
    before = render(TRYOUT)
    after = render(
        merged(
            TRYOUT,
            {
                "commonLabels": {"team": "x"},
                "image": {"worker": {"tag": "2"}},
                "api": {"podLabels": {"a": "b"}},
            },
        )
    )
    for kind in ("Deployment", "StatefulSet"):
        for name, each in before.of(kind).items():
            assert each["spec"]["selector"] == after.of(kind)[name]["spec"]["selector"]
            assert (
                each["spec"]["selector"]["matchLabels"].items()
                <= each["spec"]["template"]["metadata"]["labels"].items()
            )
            assert not {"app.kubernetes.io/version", "helm.sh/chart"} & set(
                each["spec"]["template"]["metadata"]["labels"]
            )


def test_labels_of_ones_own_never_replace_those_that_select() -> None:
    evil = {"app.kubernetes.io/name": "other", "inference/pool": "other"}
    rendered = render(
        merged(
            TRYOUT,
            {
                "commonLabels": evil,
                "workerPoolDefaults": {"podLabels": evil},
                "api": {"podLabels": evil},
            },
        )
    )
    worker = rendered.one("Deployment", "match-outcome")["spec"]
    assert (
        worker["selector"]["matchLabels"].items()
        <= worker["template"]["metadata"]["labels"].items()
    )


def test_the_training_job_is_a_new_one_when_it_changes_and_else_the_same() -> None:
    before = render(TRYOUT).of("Job")
    (job,) = (name for name in before if "-train-" in name)
    assert set(render(merged(TRYOUT, {"api": {"replicas": 5}})).of("Job")) == set(before)
    assert not set(render(merged(TRYOUT, {"image": {"worker": {"tag": "2"}}})).of("Job")) & set(
        before
    )
    annotations = before[job]["metadata"].get("annotations", {})
    assert "helm.sh/hook" not in annotations, (
        "a hook would wait for the gateway, which waits for the model"
    )


def test_pods_are_replaced_when_a_connection_changes() -> None:
    def checksums(url: str) -> set[str]:
        rendered = render(OWN_PARTS | {"store": {"url": url}})
        pods = [each["spec"]["template"]["metadata"] for each in rendered.of("Deployment").values()]
        return {pod["annotations"]["checksum/connections"] for pod in pods}

    assert not checksums("redis://a:1") & checksums("redis://a:2")


def test_what_is_made_of_the_chart_says_what_the_chart_says() -> None:
    assert list(drifted()) == [], "run scripts/chart"


def test_the_notes_hand_over_the_next_command() -> None:
    values = str(CHART / "ci" / "tryout-values.yaml")
    command = [
        "install",
        "inference",
        str(CHART),
        "--namespace",
        "demo",
        "--dry-run=client",
        "--values",
        values,
    ]
    notes = output("helm", *command).partition("NOTES:")[2]
    assert "kubectl --namespace demo port-forward service/inference-api 8000:80" in notes
    assert "KEDA runs 0 to 4 workers" in notes
    assert "The first one starts now and stays for 900 s, or until the first prediction." in notes
    assert "once when nothing was outstanding for 185 s (cooldownPeriod)" in notes
    assert "keyPrefix=demo-inference" in notes
    assert notes.count("WARNING") == 2


def test_the_chart_has_the_version_of_the_program() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert (
        yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8"))["appVersion"]
        == project["version"]
    )


def test_developing_runs_the_copy_of_the_code_that_skaffold_writes_to() -> None:
    skaffold = yaml.safe_load((ROOT / "skaffold.yaml").read_text(encoding="utf-8"))
    (release,) = skaffold["deploy"]["helm"]["releases"]
    layers = [*release["valuesFiles"], skaffold["profiles"][0]["patches"][0]["value"]]
    rendered = render(
        merged(*(yaml.safe_load((ROOT / layer).read_text(encoding="utf-8")) for layer in layers))
    )
    artifacts = {each["image"]: each for each in skaffold["build"]["artifacts"]}
    for component, name in (("api", "inference-api"), ("match-outcome", "inference-worker")):
        (container,) = rendered.one("Deployment", component)["spec"]["template"]["spec"][
            "containers"
        ]
        (place,) = {rule["dest"] for rule in artifacts[name]["sync"]["manual"]}
        assert f"cp -r /srv {place}; cd {place} && exec python" in " ".join(container["command"])
        assert rendered.environment(container)["PYTHONPATH"] == place


def test_skaffold_builds_the_images_that_the_chart_runs() -> None:
    skaffold = yaml.safe_load((ROOT / "skaffold.yaml").read_text(encoding="utf-8"))
    built = {each["image"]: each["docker"]["dockerfile"] for each in skaffold["build"]["artifacts"]}
    run_by_the_chart = {
        container["image"].partition(":")[0].removeprefix("localhost/")
        for _, pod in scenario("tryout").pods()
        for container in containers(pod)
    }
    assert set(built) == run_by_the_chart
    assert all((ROOT / dockerfile).is_file() for dockerfile in built.values())
    templates = skaffold["deploy"]["helm"]["releases"][0]["setValueTemplates"]
    assert {template for key, template in templates.items() if key.endswith("repository")} == {
        "{{.IMAGE_REPO_" + image.replace("-", "_") + "}}" for image in built
    }


def test_a_value_that_is_not_there_is_refused_wherever_it_is() -> None:
    for values in (
        {"nonsense": 1},
        {"api": {"nonsense": 1}},
        {"workerPools": {"x": {"nonsense": 1}}},
        {"settings": {"STORE_URL": "x"}},
    ):
        with pytest.raises(Refused, match="additional properties"):
            render(merged(TRYOUT, values))
