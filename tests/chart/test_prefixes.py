"""Whose keys in the store are whose, when several releases share one."""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from inference.settings import ContractSettings
from scripts.charts.tools import CHART, output
from tests.chart.rendering import Json, documents, scenario

LONG = "a-namespace-of-its-own"


def kinds() -> Json:
    """Returns the kinds of objects that a cluster knows, here those of the chart.

    Helm asks a cluster for them before it looks anything up.
    """
    answers: Json = {
        "/version": {"major": "1", "minor": "33", "gitVersion": "v1.33.0"},
        "/api": {"versions": ["v1"]},
    }
    groups: dict[str, set[str]] = {}
    for version, kind in sorted(
        {(each["apiVersion"], each["kind"]) for each in scenario("tryout").all}
    ):
        group, _, number = version.rpartition("/")
        known = answers.setdefault(
            f"/apis/{version}" if group else f"/api/{version}",
            {"groupVersion": version, "resources": []},
        )
        known["resources"].append(
            {"name": f"{kind.lower()}s", "namespaced": True, "kind": kind, "verbs": ["get"]}
        )
        if group:
            groups.setdefault(group, set()).add(number)
    described = {
        g: [{"groupVersion": f"{g}/{number}", "version": number} for number in sorted(n)]
        for g, n in groups.items()
    }
    answers["/apis"] = {
        "groups": [
            {"name": g, "versions": v, "preferredVersion": v[0]} for g, v in described.items()
        ]
    }
    return answers


@contextmanager
def cluster(objects: Json) -> Iterator[str]:
    """The address of a Kubernetes that has these objects, by path, and nothing else."""

    answers = kinds() | objects

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = answers.get(self.path.partition("?")[0])
            said = json.dumps(
                found or {"kind": "Status", "status": "Failure", "reason": "NotFound", "code": 404}
            ).encode()
            self.send_response(200 if found else 404)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, format: str, *args: object) -> None:
            """Nobody reads this."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def told(namespace: str, release: str, *options: str, **values: str) -> tuple[str, str]:
    """Returns the key prefix and the installation of a release.

    Gateways, workers and KEDA must agree on them.
    """
    trial = {"tryout.enabled": "true", "modelCode": "refuse"}
    settings = [f"--set={name}={value}" for name, value in (trial | values).items()]
    shown = [
        f"--show-only=templates/{name}.yaml"
        for name in ("api/deployment", "workers/deployment", "workers/scaledobject")
    ]
    text = output(
        "helm",
        "template",
        release,
        str(CHART),
        "--namespace",
        namespace,
        *settings,
        *shown,
        *options,
    )
    objects = documents(text)
    (list_name,) = (
        each["spec"]["triggers"][0]["metadata"]["listName"]
        for each in objects
        if each["kind"] == "ScaledObject"
    )
    found = set()
    for each in objects:
        for container in (
            each["spec"]["template"]["spec"]["containers"] if each["kind"] == "Deployment" else ()
        ):
            env = {entry["name"]: entry.get("value") for entry in container.get("env", ())}
            if "STORE_URL" in env:
                found.add((env["KEY_PREFIX"], env["INSTALLATION"]))
                assert list_name == f"{{{env['KEY_PREFIX']}:match-outcome}}:outstanding"
    (both,) = found
    return both


def live(prefix: str) -> Any:
    """The gateway of a release that was installed with a prefix."""
    env = [{"name": "STORE_URL", "valueFrom": {}}, {"name": "KEY_PREFIX", "value": prefix}]
    spec = {"template": {"spec": {"containers": [{"name": "proxy"}, {"name": "api", "env": env}]}}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "inference-api"},
        "spec": spec,
    }


@pytest.mark.parametrize(
    ("namespace", "release", "prefix"),
    [
        ("staging", "inference", "staging-inference"),
        ("inference", "inference", "inference"),
        ("staging", "scores.v2", "staging-scores-v2"),
    ],
)
def test_a_new_release_has_keys_of_its_own(namespace: str, release: str, prefix: str) -> None:
    assert told(namespace, release) == (prefix, f"{namespace}/{release}")


def test_long_names_make_prefixes_that_differ_and_that_the_programs_take() -> None:
    one, other = (told(LONG, f"inference-{name}")[0] for name in ("one", "two"))
    pattern = next(
        m.pattern
        for m in ContractSettings.model_fields["key_prefix"].metadata
        if hasattr(m, "pattern")
    )
    assert one != other
    assert all(re.match(pattern, prefix) for prefix in (one, other))


@pytest.mark.parametrize(
    ("objects", "values", "prefix"),
    [
        ({"inference-api": "older"}, {}, "older"),
        ({"inference-api": "older"}, {"keyPrefix": "scores"}, "scores"),
        ({}, {}, "staging-inference"),
    ],
    ids=["live", "live and told", "new"],
)
def test_a_live_release_keeps_its_prefix(
    objects: dict[str, str], values: dict[str, str], prefix: str
) -> None:
    path = "/apis/apps/v1/namespaces/staging/deployments/"
    with cluster({f"{path}{name}": live(kept) for name, kept in objects.items()}) as address:
        asked = (
            "--dry-run=server",
            "--kube-apiserver",
            address,
            "--disable-openapi-validation",
            "--is-upgrade",
        )
        assert told("staging", "inference", *asked, **values)[0] == prefix


def test_an_installation_may_have_a_name_of_its_own() -> None:
    assert told("staging", "inference", installation="eu/staging")[1] == "eu/staging"
