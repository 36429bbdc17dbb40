"""Writes all metrics of a worker: what was counted, and what is seen at the scrape."""

from collections.abc import Callable, Iterable
from typing import Any

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector

from inference.metrics import exposition
from worker.child_status import ChildStatusFiles
from worker.gpu import Gpu, NvmlError, Usage


class Exposition:
    """The text of a worker's /metrics. `library` is NVML, by default the driver's own."""

    def __init__(
        self, model: str, child_status: ChildStatusFiles, library: Any | None = None
    ) -> None:
        self._model = model
        self._child_status = child_status
        self._library = library
        self._gpus: dict[str, Gpu | None] = {}

    def text(self, accept: str) -> tuple[bytes, str]:
        """Returns all processes' metrics and their media type."""
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        ProcessCollector(registry=registry)
        if pid := self._child_status.pid():
            ProcessCollector("worker_child", pid=lambda: pid, registry=registry)
        registry.register(Shown(self.seen))
        return exposition(registry, accept)

    def seen(self) -> Iterable[Metric]:
        """Yields what is true now: the version, and the GPU's figures."""
        held, device = self._child_status.version(), self._child_status.device()
        info = GaugeMetricFamily(
            "worker_model_info",
            "1 for the version that this worker holds.",
            labels=("model", "version", "device"),
        )
        if held:
            info.add_metric((self._model, held, device), 1)
        yield info
        if uuid := self._child_status.gpu():
            yield from self._gpu_metrics(uuid)

    def _gpu_metrics(self, uuid: str) -> Iterable[Metric]:
        usage = self._usage(uuid)
        if usage is None:
            return
        for name, words, value in (
            ("memory_used_bytes", "Memory in use, by all processes.", usage.memory_bytes),
            ("memory_total_bytes", "Memory of the GPU.", usage.total_bytes),
            (
                "utilization_ratio",
                "Part of the last second in which the GPU computed, for whichever process.",
                usage.busy_percent / 100,
            ),
        ):
            family = GaugeMetricFamily(f"worker_gpu_{name}", words, labels=("model", "gpu"))
            family.add_metric((self._model, uuid), value)
            yield family

    def _usage(self, uuid: str) -> Usage | None:
        """What NVML says; None where there is no driver, or it does not answer."""
        try:
            if uuid not in self._gpus:
                self._gpus[uuid] = None
                self._gpus[uuid] = Gpu(uuid, self._library)
            gpu = self._gpus[uuid]
            return gpu.usage() if gpu else None
        except (OSError, NvmlError):
            return None


class Shown:
    """A collector of what a function yields."""

    def __init__(self, shown: Callable[[], Iterable[Metric]]) -> None:
        self.collect = shown
