"""What users add and what can't work of it, with the sentence that refuses it."""

from typing import Any

from tests.chart.rendering import OWN_PARTS, TRYOUT, merged

Case = tuple[dict[str, Any], str]


def api(**values: Any) -> dict[str, Any]:
    return merged(OWN_PARTS, {"api": values})


def pool(**values: Any) -> dict[str, Any]:
    return merged(OWN_PARTS, {"workerPools": {"match-outcome": values}})


def trial(**values: Any) -> dict[str, Any]:
    return merged(TRYOUT, values)


def scaling(**values: Any) -> dict[str, Any]:
    return api(autoscaling={"enabled": True} | values)


POD: list[Case] = [
    (
        api(volumes=[{"name": "tmp", "emptyDir": {}}]),
        "api.volumes has tmp, and the pod has a volume of that name already",
    ),
    (
        pool(volumes=[{"name": "x", "emptyDir": {}}, {"name": "x", "emptyDir": {}}]),
        "workerPools.match-outcome.volumes has x, and the pod has a volume of that name already",
    ),
    (
        trial(batchInference={"volumes": [{"name": "matches", "emptyDir": {}}]}),
        "batchInference.volumes has matches, and the pod has a volume of that name already",
    ),
    (
        trial(tryout={"training": {"volumes": [{"name": "tmp", "emptyDir": {}}]}}),
        "tryout.training.volumes has tmp, and the pod has a volume of that name already",
    ),
    (
        api(volumeMounts=[{"name": "x", "mountPath": "/x"}]),
        "api mounts x in its container api, and the pod has no volume of that name",
    ),
    (
        pool(
            volumes=[{"name": "x", "emptyDir": {}}],
            volumeMounts=[{"name": "x", "mountPath": "/dev/shm/"}],
        ),
        "workerPools.match-outcome mounts x at /dev/shm in its container worker, where shm is",
    ),
    (
        api(
            volumes=[{"name": "x", "emptyDir": {}}],
            volumeMounts=[{"name": "x", "mountPath": "/srv"}],
        ),
        "api mounts x at /srv, which would hide the program's own files",
    ),
    (
        api(extraContainers=[{"name": "api", "image": "x"}]),
        "api has two containers named api: choose another name in extraContainers",
    ),
    (
        trial(tryout={"training": {"initContainers": [{"name": "wait-for-mlflow"}]}}),
        "tryout.training has two containers named wait-for-mlflow",
    ),
    (
        pool(extraContainers=[{"name": "x", "ports": [{"containerPort": 8081}]}]),
        "workerPools.match-outcome.extraContainers has x, which listens on port 8081 as worker",
    ),
    (
        merged(OWN_PARTS, {"caBundle": {"existingSecret": "a", "existingConfigMap": "b"}}),
        "caBundle.existingConfigMap and caBundle.existingSecret are both set",
    ),
]
ACCOUNTS: list[Case] = [
    (
        pool(serviceAccountName="a", serviceAccount={"name": "b"}),
        "workerPools.match-outcome.serviceAccountName is the old name of serviceAccount.name",
    ),
    (
        pool(serviceAccount={"create": False, "annotations": {"a": "b"}}),
        "workerPools.match-outcome.serviceAccount has annotations or labels, and only an account",
    ),
    (
        api(serviceAccount={"create": False}),
        "api.podReader gives the gateways' service account a right",
    ),
    (
        api(serviceAccount={"automountServiceAccountToken": False}),
        "api.podReader needs the account's token",
    ),
    (
        merged(
            api(serviceAccount={"name": "one"}),
            pool(serviceAccount={"name": "one", "annotations": {"a": "b"}}),
        ),
        "api.serviceAccount and workerPools.match-outcome.serviceAccount make one",
    ),
]
GATEWAYS: list[Case] = [
    (scaling(minReplicas=11), "api.autoscaling.minReplicas is above its maxReplicas"),
    (
        merged(scaling(triggers=[{"type": "cpu", "metadata": {}}]), {"keda": {"enabled": False}}),
        "api.autoscaling.triggers are KEDA's, and keda.enabled is false",
    ),
    (
        scaling(triggers=[{"type": "cpu", "metadata": {}}], metrics=[{"type": "Pods"}]),
        "api.autoscaling has metrics and triggers",
    ),
    (
        scaling(targetCPUUtilizationPercentage=None),
        "api.autoscaling is enabled and has nothing to go by",
    ),
    (
        merged(scaling(), api(resources={"requests": {"cpu": None}})),
        "api.autoscaling goes by a share of resources.requests.cpu, which is not set",
    ),
    (
        api(service={"loadBalancerClass": "x"}),
        "api.service.loadBalancerClass is for type LoadBalancer, and api.service.type is ClusterIP",
    ),
    (
        api(service={"externalTrafficPolicy": "Local"}),
        "api.service.externalTrafficPolicy is for type NodePort or LoadBalancer",
    ),
    (api(ingress={"enabled": True}), "api.ingress.enabled needs hosts"),
    (api(httpRoute={"enabled": True}), "api.httpRoute.enabled needs a Gateway"),
]
CASES = POD + ACCOUNTS + GATEWAYS
