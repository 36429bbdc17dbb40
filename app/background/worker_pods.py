"""Why a wanted worker is not there yet, by its pod.

The Kubernetes API is asked, which may only be read, and only for pods.

A worker says how it is doing from when its process runs (`inference.store.messages.WorkerState`).
What comes before (no GPU free, the image on its way, a container that ends again and again) only
Kubernetes knows.
"""

import asyncio
import json
import time
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import structlog

from inference.errors import first_line

log = structlog.get_logger()

POOL_LABEL = "inference/pool"
"""The label by which a worker's pod names its pool, which is what it serves; the chart sets it."""

ASK_TIMEOUT_S = 2.0
KEPT_S = 2.0
"""How long an answer is used again: a page that polls must not load the Kubernetes API."""


Reason = Literal["pending", "image", "creating", "crashing", "loading"]


@dataclass(frozen=True, slots=True)
class PendingPod:
    """A worker's pod that is not ready."""

    pod: str
    model: str
    reason: Reason
    message: str
    since: str


class PodLister(Protocol):
    """Lists pods, as the Kubernetes API writes them in JSON.

    Blocks, and raises whatever its client does.
    """

    def __call__(self) -> list[dict[str, Any]]: ...


class WorkerPods:
    """The workers on their way, asked at most every two seconds.

    Where nobody can be asked, the answer is None.
    """

    def __init__(self, lister: PodLister | None) -> None:
        self._lister = lister
        self._asked = -KEPT_S
        self._answer: tuple[PendingPod, ...] | None = None
        self._lock = asyncio.Lock()

    async def coming(self) -> tuple[PendingPod, ...] | None:
        """Returns the pods that are not ready.

        None off Kubernetes, or when it doesn't answer (the log says why).
        """
        if self._lister is None:
            return None
        async with self._lock:
            if time.monotonic() - self._asked >= KEPT_S:
                self._answer = await asyncio.to_thread(self._ask, self._lister)
                self._asked = time.monotonic()
            return self._answer

    @staticmethod
    def _ask(lister: PodLister) -> tuple[PendingPod, ...] | None:
        try:
            pods = lister()
        except Exception as error:  # the client raises its own, urllib3's and the system's
            log.warning("pods.unread", reason=first_line(error)[:300])
            return None
        return tuple(found for pod in pods if (found := describe(pod)) is not None)


class KubernetesPods:
    """Lists the pods that a label selector picks in a namespace.

    It asks with the pod's own service account.
    """

    def __init__(self, namespace: str, selector: str) -> None:
        self._namespace, self._selector = namespace, selector
        self._api: Any = None

    def __call__(self) -> list[dict[str, Any]]:
        # Imported at the first question: 40 MiB and a second, which a gateway elsewhere need not
        # pay.
        import kubernetes

        if self._api is None:
            config: Any = kubernetes.config
            config.load_incluster_config()
            self._api = kubernetes.client.CoreV1Api()
        answer = self._api.list_namespaced_pod(
            self._namespace,
            label_selector=self._selector,
            _request_timeout=ASK_TIMEOUT_S,
            _preload_content=False,
        )
        items: list[dict[str, Any]] = json.loads(answer.data)["items"]
        return items


def describe(pod: dict[str, Any]) -> PendingPod | None:
    """Returns why a pod is not ready; None for one that is, or that is on its way out.

    Source of the fields: https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/
    """
    metadata, status = pod["metadata"], pod.get("status", {})
    conditions = {condition["type"]: condition for condition in status.get("conditions", [])}
    ready = conditions.get("Ready", {})
    if (
        "deletionTimestamp" in metadata
        or ready.get("status") == "True"
        or status.get("phase") in ("Succeeded", "Failed")
    ):
        return None
    reason, message = _why(status, conditions.get("PodScheduled", {}))
    since = ready.get("lastTransitionTime") or metadata["creationTimestamp"]
    return PendingPod(
        metadata["name"], metadata.get("labels", {}).get(POOL_LABEL, ""), reason, message, since
    )


def _why(status: dict[str, Any], scheduled: dict[str, Any]) -> tuple[Reason, str]:
    if scheduled.get("status") != "True":
        return "pending", scheduled.get("message") or "no node was chosen yet"
    containers = [*status.get("initContainerStatuses", []), *status.get("containerStatuses", [])]
    waiting = next((c for c in containers if "waiting" in c.get("state", {})), None)
    if waiting is None:
        return (
            ("loading", "it runs, and does not hold its model yet")
            if containers
            else ("creating", "its node has it")
        )
    why = waiting["state"]["waiting"]
    if "Image" in why.get("reason", ""):
        return "image", f"{why['reason']}: {why.get('message') or waiting.get('image', '')}"
    if why.get("reason") == "CrashLoopBackOff" or waiting.get("restartCount", 0):
        ended = waiting.get("lastState", {}).get("terminated", {})
        said = (ended.get("message") or ended.get("reason") or "").strip()
        return (
            "crashing",
            f"ended with {ended.get('exitCode', '?')} ({said}),"
            f" started {waiting.get('restartCount', 0) + 1} times",
        )
    return "creating", why.get(
        "message"
    ) or f"{why.get('reason', 'waiting')}: its image is pulled, or its volumes are mounted"


def worker_pods(namespace: str, selector: str) -> WorkerPods:
    """Returns the pods of a namespace by their labels; off Kubernetes either is ''."""
    return WorkerPods(KubernetesPods(namespace, selector) if namespace and selector else None)
