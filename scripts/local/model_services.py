"""What a run starts for a pool: the program that registers its model, and its workers."""

import os

from scripts.local import probes
from scripts.local.pools import Pool
from scripts.local.process import Service, python
from scripts.local.run_dir import HOST, RunDir

FOR_EVER_S = "604800"
"""How long a worker waits for a model of the user's own to be registered: a week."""


class ModelServices:
    """Describes the services of pools.

    `shared` is what every program of the run is told, `model_code` what its workers are.
    """

    def __init__(
        self, run_dir: RunDir, mlflow_url: str, shared: dict[str, str], model_code: str
    ) -> None:
        self._run_dir = run_dir
        self._mlflow_url = mlflow_url
        self._shared = shared
        self._model_code = model_code

    def making(self, pool: Pool, needs: tuple[str, ...]) -> list[Service]:
        """Describes what registers a model that is made here.

        The supervisor asks for it only if the registry lacks the model: the first run, or a
        registry emptied since.
        """
        if pool.made is None:
            return []
        name = ["--name", pool.address.name, "--alias", pool.address.alias, "--if-missing"]
        command = python(pool.made.module, "--tracking-uri", self._mlflow_url, *name)
        own = pool.name == pool.address.name
        service = pool.made.service if own else f"{pool.made.service}-{pool.name}"
        why = f"the registry has no {pool.uri} yet; about half a minute"
        env = {"PYTHONUNBUFFERED": "1"}
        return [
            Service(
                service,
                command,
                env,
                lambda: self.registered(pool),
                needs,
                why,
                once=True,
            )
        ]

    def registered(self, pool: Pool) -> bool:
        """Whether the registry has the model."""
        return probes.registered(self._mlflow_url, pool.address)

    def workers(self, pool: Pool, needs: tuple[str, ...], *, only: bool) -> list[Service]:
        """Describes the workers of a pool. `only`: the run has no other."""
        name = "worker" if only else f"worker-{pool.name}"
        return [
            self._worker(pool, f"{name}-{number}", needs)
            for number in range(1, self._run_dir.workers + 1)
        ]

    def _worker(self, pool: Pool, name: str, needs: tuple[str, ...]) -> Service:
        """Describes a worker, with glibc told to keep large blocks.

        glibc gives each large block back to the kernel at once, which costs a CPU batch half its
        speed. A worker whose model is not registered yet holds nothing up.
        """
        port = self._run_dir.inner_port(name)
        cache = os.environ.get("MODEL_CACHE_DIR") or str(self._run_dir.folder / "model-cache")
        own = {
            "MODEL_URI": pool.entry,
            "MODEL_CODE": self._model_code,
            "MODEL_CACHE_DIR": cache,
            "PROBE_HOST": HOST,
            "PROBE_PORT": str(port),
        }
        if pool.made is None and not os.environ.get("START_TIMEOUT_S"):
            own["START_TIMEOUT_S"] = FOR_EVER_S
        malloc = {"MALLOC_MMAP_THRESHOLD_": str(2**30), "MALLOC_TRIM_THRESHOLD_": str(2**31)}
        kept = {key: os.environ[key] for key in malloc if key in os.environ}
        drain_s = float(os.environ.get("DRAIN_TIMEOUT_S") or 25)
        ready = f"http://{HOST}:{port}/readyz"
        return Service(
            name,
            python("worker"),
            malloc | kept | self._shared | own,
            lambda: probes.answers(ready) or not (pool.made or self.registered(pool)),
            needs,
            "loads the model",
            stop_s=drain_s + 10,
        )
