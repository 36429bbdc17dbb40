"""What users add to the pods is there, beside the chart's own, and meets none of it."""

from collections.abc import Iterator

import pytest

from tests.chart.rendering import (
    OWN_PARTS,
    TRYOUT,
    Json,
    Objects,
    containers,
    merged,
    render,
    scenario,
)

COMPONENTS = {
    "api": ("Deployment", "-api"),
    "workerPoolDefaults": ("Deployment", "-worker-match-outcome"),
    "batchInference": ("CronJob", "-batch"),
    "tryout.training": ("Job", ""),
}
"""Where a component's values are, and the object that they go into."""
EXTENSION: Json = {
    "volumes": [{"name": "extra", "emptyDir": {}}],
    "volumeMounts": [{"name": "extra", "mountPath": "/extra"}],
    "initContainers": [{"name": "before", "image": "registry.example.com/before:1"}],
    "extraEnvFrom": [{"configMapRef": {"name": "variables"}}],
    "hostAliases": [{"ip": "10.0.0.7", "hostnames": ["mlflow.example.com"]}],
    "dnsPolicy": "None",
    "dnsConfig": {"nameservers": ["10.0.0.53"]},
    "annotations": {"note": "mine"},
    "labels": {"mine": "yes", "app.kubernetes.io/name": "other"},
}
SERVERS: Json = {"extraContainers": [{"name": "beside", "image": "registry.example.com/beside:1"}]}


def at(path: str, values: Json) -> Json:
    """The values below a dotted path."""
    for name in reversed(path.split(".")):
        values = {name: values}
    return values


def objects(rendered: Objects, component: str) -> Iterator[tuple[Json, Json]]:
    """The objects of a component, each with the template of its pods."""
    kind, ending = COMPONENTS[component]
    names = [
        each["metadata"]["name"]
        for each in rendered.of(kind).values()
        if each["metadata"]["name"].endswith(ending)
        and (kind != "Job" or "-train-" in each["metadata"]["name"])
    ]
    assert names
    for name in names:
        found = rendered.of(kind)[name]
        spec = found["spec"].get("jobTemplate", found)["spec"]
        yield found, spec["template"]


@pytest.mark.parametrize("component", COMPONENTS)
def test_each_component_takes_what_a_user_adds(component: str) -> None:
    servers = component in ("api", "workerPoolDefaults")
    values = EXTENSION | (SERVERS if servers else {})
    rendered = render(merged(TRYOUT, at(component, values)))
    bare = render(TRYOUT)
    before = next(objects(bare, component))[1]["spec"]
    for found, template in objects(rendered, component):
        spec = template["spec"]
        assert found["metadata"]["annotations"]["note"] == "mine"
        assert found["metadata"]["labels"]["mine"] == "yes"
        assert found["metadata"]["labels"]["app.kubernetes.io/name"] == "inference"
        assert "mine" not in template["metadata"]["labels"], "those of pods are podLabels"
        assert spec["volumes"] == [*before["volumes"], *EXTENSION["volumes"]]
        own = spec["containers"][0]
        assert own["volumeMounts"] == [
            *before["containers"][0]["volumeMounts"],
            *EXTENSION["volumeMounts"],
        ]
        assert own["envFrom"][-1] == EXTENSION["extraEnvFrom"][0]
        for field in ("hostAliases", "dnsPolicy", "dnsConfig"):
            assert spec[field] == EXTENSION[field]
        names = {each["name"] for each in containers(template)}
        assert names >= {"before"} | ({"beside"} if servers else set())
        for container in containers(template):
            assert container["securityContext"] == own["securityContext"], "Pod Security refuses it"


def test_a_container_that_says_its_own_security_keeps_it() -> None:
    own = {"name": "x", "image": "x:1", "securityContext": {"runAsUser": 1}}
    rendered = render(merged(TRYOUT, {"api": {"extraContainers": [own]}}))
    assert rendered.one("Deployment", "-api")["spec"]["template"]["spec"]["containers"][1] == own


def test_what_the_chart_says_of_a_pod_goes_before_variables_from_elsewhere() -> None:
    """Kubernetes lets `env` win over `envFrom`, so an added Secret changes no setting of ours."""
    rendered = render(merged(TRYOUT, {"api": {"extraEnvFrom": [{"secretRef": {"name": "x"}}]}}))
    container = rendered.one("Deployment", "-api")["spec"]["template"]["spec"]["containers"][0]
    assert "STORE_URL" in {each["name"] for each in container["env"]}


@pytest.mark.parametrize("component", ["batchInference", "tryout", "tests"])
def test_pods_of_jobs_and_of_the_trial_have_labels_and_annotations(component: str) -> None:
    own = {"podAnnotations": {"sidecar.istio.io/inject": "false"}, "podLabels": {"mine": "yes"}}
    of = {
        "batchInference": {"batch"},
        "tryout": {"valkey", "mlflow", "training", "rabbitmq"},
        "tests": {"test"},
    }
    rendered = render(merged(TRYOUT, {"tryout": {"broker": "rabbitmq"}}, at(component, own)))
    marked = set()
    for _, pod in rendered.pods():
        labels = pod["metadata"]["labels"]
        annotated = "sidecar.istio.io/inject" in pod["metadata"].get("annotations", {})
        assert annotated == ("mine" in labels)
        if annotated:
            marked.add(labels["app.kubernetes.io/component"])
    assert marked == of[component]


def accounts(rendered: Objects) -> dict[str, str | None]:
    """Which service account each component's pods have."""
    return {
        pod["metadata"]["labels"].get("inference/pool")
        or pod["metadata"]["labels"]["app.kubernetes.io/component"]: pod["spec"].get(
            "serviceAccountName"
        )
        for _, pod in rendered.pods()
    }


def test_gateways_and_each_pool_have_an_account_of_their_own_and_a_job_its_pool_s() -> None:
    rendered = scenario("tryout")
    worker = "inference-worker-match-outcome"
    assert accounts(rendered) == {
        "api": "inference-api",
        "match-outcome": worker,
        "batch": worker,
        **dict.fromkeys(("valkey", "mlflow", "training", "test")),
    }
    assert set(rendered.of("ServiceAccount")) == {"inference-api", worker}


def test_accounts_are_annotated_for_a_cloud_and_mount_no_token() -> None:
    rendered = scenario("extended")
    made = rendered.of("ServiceAccount")
    assert {name: each["metadata"].get("annotations") for name, each in made.items()} == {
        "inference-api": {
            "eks.amazonaws.com/role-arn": "arn:aws:iam::123456789012:role/inference-gateway"
        },
        "inference-worker-match-outcome": {
            "iam.gke.io/gcp-service-account": "models@project.iam.gserviceaccount.com"
        },
        "scores": {"eks.amazonaws.com/role-arn": "arn:aws:iam::123456789012:role/scores"},
    }
    assert made["inference-api"]["metadata"]["labels"]["azure.workload.identity/use"] == "true"
    assert not any(each["automountServiceAccountToken"] for each in made.values())
    found = accounts(rendered)
    assert (found["ranking"], found["batch"]) == ("ranking-reader", "scores")


@pytest.mark.parametrize(
    "pool",
    [{"serviceAccountName": "reader"}, {"serviceAccount": {"create": False, "name": "reader"}}],
    ids=["the old name", "the new name"],
)
def test_an_account_of_ones_own_is_named_by_the_old_value_too(pool: Json) -> None:
    rendered = render(merged(OWN_PARTS, {"workerPoolDefaults": pool}))
    assert accounts(rendered)["match-outcome"] == "reader"
    assert set(rendered.of("ServiceAccount")) == {"inference-api"}


def test_the_right_to_read_pods_goes_to_the_account_that_the_gateways_have() -> None:
    own = {"api": {"serviceAccount": {"create": False, "name": "mine"}}}
    rendered = render(merged(OWN_PARTS, own))
    (subject,) = rendered.one("RoleBinding")["subjects"]
    assert (subject["name"], accounts(rendered)["api"]) == ("mine", "mine")
    assert "inference-api" not in rendered.of("ServiceAccount")


def test_pools_may_share_an_account() -> None:
    shared = {"serviceAccount": {"name": "models", "annotations": {"role": "reader"}}}
    values = {
        "api": {"defaultPool": "b"},
        "workerPoolDefaults": shared,
        "workerPools": {"b": {"modelUri": "models:/b@x"}},
    }
    rendered = render(merged(OWN_PARTS, values))
    assert set(rendered.of("ServiceAccount")) == {"inference-api", "models"}
    assert accounts(rendered)["b"] == accounts(rendered)["match-outcome"] == "models"


def test_a_token_is_mounted_where_a_user_asks_for_it() -> None:
    own = {"workerPoolDefaults": {"serviceAccount": {"automountServiceAccountToken": True}}}
    rendered = render(merged(OWN_PARTS, own))
    pod = rendered.one("Deployment", "-worker-match-outcome")["spec"]["template"]["spec"]
    assert pod["automountServiceAccountToken"] is True


@pytest.mark.parametrize("kind", ["ConfigMap", "Secret"])
def test_a_private_ca_is_a_file_in_gateways_workers_and_batch_job(kind: str) -> None:
    given = {"caBundle": {f"existing{kind}": "company-ca", "key": "ca-bundle.pem"}}
    values = {"store": {"url": "rediss://cache"}, "batchInference": {"enabled": True}} | given
    rendered = render(merged(OWN_PARTS, values))
    with_ca = set()
    for _, pod in rendered.pods():
        container = pod["spec"]["containers"][0]
        told = {each["name"]: each.get("value") for each in container.get("env", [])}
        if "CA_BUNDLE" not in told:
            continue
        with_ca.add(pod["metadata"]["labels"]["app.kubernetes.io/component"])
        (mount,) = [each for each in container["volumeMounts"] if each["name"] == "ca-bundle"]
        (volume,) = [each for each in pod["spec"]["volumes"] if each["name"] == "ca-bundle"]
        source = volume["configMap" if kind == "ConfigMap" else "secret"]
        assert source["name" if kind == "ConfigMap" else "secretName"] == "company-ca"
        (item,) = source["items"]
        assert told["CA_BUNDLE"] == f"{mount['mountPath']}/{item['path']}"
        assert item["key"] == "ca-bundle.pem"
    assert with_ca == {"api", "worker", "batch"}
    auth = rendered.one("TriggerAuthentication")["spec"]
    field = "configMapTargetRef" if kind == "ConfigMap" else "secretTargetRef"
    assert {"parameter": "ca", "name": "company-ca", "key": "ca-bundle.pem"} in auth[field]


def test_keda_has_one_ca_and_the_store_s_own_goes_first() -> None:
    store = {"url": "rediss://cache?ssl_ca_certs=/tls/store/ca.crt", "tls": {"existingSecret": "s"}}
    values = {"store": store, "caBundle": {"existingSecret": "company-ca"}}
    refs = render(merged(OWN_PARTS, values)).one("TriggerAuthentication")["spec"]["secretTargetRef"]
    assert [each["name"] for each in refs if each["parameter"] == "ca"] == ["s"]
    plain = render(merged(OWN_PARTS, {"caBundle": {"existingSecret": "company-ca"}}))
    assert "company-ca" not in str(plain.one("TriggerAuthentication")), (
        "without TLS KEDA needs none"
    )
