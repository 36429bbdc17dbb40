"""The worker's settings.

Its parent process reads them once, and its child again, from the same environment.
"""

import os
import socket
from typing import Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from inference.broker.celery_config import queue_name
from inference.models.model_address import (
    SCHEME,
    ModelAddress,
    check_pool,
    derived_pool,
    pool_of,
)
from inference.outbound.input_limits import InputLimits
from inference.settings import ContractSettings

RUN_MARGIN_S = 5.0
"""What begin, the write and a late look at the clock may add to a run.

Beyond that its lease is refused.
"""


class WorkerSettings(ContractSettings):
    """One worker serves one model on one device."""

    model_uri: str = Field(
        "models:/match-outcome@production",
        description="The model to serve, as MLflow names it: models:/name@alias or"
        " models:/name/version; an entry of MODEL_URIS, as in fraud=models:/name@alias,"
        " says POOL too.",
    )
    pool: str = Field(
        "",
        description="The name under which it is served, as in MODEL_URIS; empty: the one that"
        " gateways make of the model's name, fraud-detection of fraud_detection.",
    )
    model_refresh_s: float = Field(
        60.0,
        ge=0.5,
        description="How often the alias is looked at, in seconds; when it moved,"
        " the model's process is replaced.",
    )
    model_cache_dir: str = Field(
        "",
        description="A folder for downloaded versions, so that a registry that is away stops no"
        " restart; empty keeps none.",
    )
    model_code: Literal["", "refuse", "allow"] = Field(
        "",
        description="Whether to load a model that brings code, such as a pickle or a model from"
        " code: `allow` or `refuse`. Set `allow` only if you trust everybody who can write to the"
        " registry. Empty takes MLFLOW_ALLOW_PICKLE_DESERIALIZATION for it, and refuses without.",
    )
    model_memory_max_bytes: int = Field(
        0,
        ge=0,
        description="Bytes of memory that the model's process may have for itself;"
        " above it is replaced after its batch; 0: any.",
    )
    worker_id: str = Field(
        default_factory=lambda: (
            f"{os.environ.get('HOSTNAME') or socket.gethostname()}-{os.getpid()}"
        ),
        pattern=r"^\S{1,128}$",
        description="The name of this worker in /monitoring/workers;"
        " the default is host name and process id.",
    )
    max_batch_size: int = Field(
        8, ge=1, le=1024, description="Rows that the model runs at once (B)."
    )
    max_batch_wait_ms: int = Field(
        0,
        ge=0,
        le=60_000,
        description="How long the oldest waiting record may wait for a fuller batch,"
        " in milliseconds.",
    )
    result_nan: Literal["null", "error"] = Field(
        "null",
        description="What becomes of NaN and infinities in a result: null, or a `model_error` that"
        " names the place.",
    )
    run_limit_s: float = Field(
        120.0,
        gt=0,
        description="How long the model may take for a batch, in seconds;"
        " then its process is replaced.",
    )
    fetch_limit_s: float = Field(
        10.0,
        gt=0,
        description="How long an input's URL may take to fetch, in seconds;"
        " half of RUN_LIMIT_S at most, whatever is set.",
    )
    image_max_bytes: int = Field(
        16 * 2**20, ge=1024, description="Bytes of an image, fetched or sent; more are refused."
    )
    image_max_pixels: int = Field(
        50_000_000,
        ge=1,
        description="Pixels of an image, judged before it is decoded; more are refused.",
    )
    load_timeout_s: float = Field(
        600.0, gt=0, description="How long loading and warming the model may take, in seconds."
    )
    drain_timeout_s: float = Field(
        25.0,
        ge=0,
        description="How long a stopping worker lets a run go on before it hands it back,"
        " in seconds.",
    )
    stuck_after_s: float = Field(
        30.0,
        gt=0,
        description="How long the parent's event loop may stand still while the broker answers,"
        " in seconds; then /livez fails.",
    )
    probe_host: str = Field(
        "127.0.0.1",
        description="Address of the port for /livez, /readyz and /metrics;"
        " `::` is every address, those of IPv4 too.",
    )
    probe_port: int = Field(
        8081,
        ge=0,
        le=65535,
        description="Port for /livez, /readyz and /metrics; 0 picks a free one.",
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO",
        description="Least level of the lines logged;"
        " SIGUSR1 makes it DEBUG, SIGUSR2 makes it this again.",
    )

    @field_validator("model_uri")
    @classmethod
    def _names_a_model(cls, uri: str) -> str:
        ModelAddress.read(uri)
        return uri

    @field_validator("pool")
    @classmethod
    def _is_a_name(cls, pool: str) -> str:
        return check_pool(pool) if pool else ""

    @model_validator(mode="before")
    @classmethod
    def _reads_an_entry(cls, values: dict[str, Any]) -> dict[str, Any]:
        """Makes MODEL_URI and POOL of an entry of MODEL_URIS."""
        entry, pool = str(values.get("model_uri", "")), values.get("pool", "")
        if entry.startswith(SCHEME) or "=" not in entry:
            return values
        try:
            said, uri = pool_of(entry)
        except ValueError as error:
            raise ValueError(f"MODEL_URI: {error}") from error
        if pool not in ("", said):
            raise ValueError(f"MODEL_URI names the pool {said}, and POOL the pool {pool}")
        return values | {"model_uri": uri, "pool": said}

    @model_validator(mode="after")
    def _has_a_pool(self) -> Self:
        if not self.pool:
            try:
                derived_pool(self.model_name)
            except ValueError as error:
                raise ValueError(f"MODEL_URI: {error}") from error
        return self

    @model_validator(mode="after")
    def _times_agree(self) -> Self:
        if self.max_batch_wait_ms > self.run_limit_s * 1000:
            raise ValueError(
                f"MAX_BATCH_WAIT_MS={self.max_batch_wait_ms} is longer than"
                f" RUN_LIMIT_S={self.run_limit_s:g}"
            )
        if self.store_timeout_s * 2 >= self.lease_s:
            raise ValueError(
                f"STORE_TIMEOUT_S={self.store_timeout_s:g} must be below half of"
                f" LEASE_S={self.lease_s:g}"
            )
        return self

    @property
    def model(self) -> str:
        """The name under which the model is served, which is also its queue's."""
        return self.pool or derived_pool(self.model_name)

    @property
    def model_name(self) -> str:
        """The model's name in the registry."""
        return self.address.name

    @property
    def address(self) -> ModelAddress:
        """The model's address, read."""
        return ModelAddress.read(self.model_uri)

    @property
    def queue(self) -> str:
        """The Celery queue that this worker consumes."""
        return queue_name(self.key_prefix, self.model)

    @property
    def run_limit_ms(self) -> int:
        """The run limit with its margin, as renewals take it."""
        return round((self.run_limit_s + RUN_MARGIN_S) * 1000)

    @property
    def input_limits(self) -> InputLimits:
        """The fetch ends well before the run limit, which counts from begin.

        So who hangs is told from a model that does.
        """
        fetch_s = min(self.fetch_limit_s, self.run_limit_s / 2)
        return InputLimits(
            self.image_max_bytes, self.image_max_pixels, fetch_s, self.fetch_allowed_networks
        )

    @property
    def start_limit_s(self) -> float:
        """What a new child may take before it counts as hung.

        It waits for the registry, then it loads.
        """
        return self.start_timeout_s + self.load_timeout_s

    @property
    def backstop_s(self) -> float:
        """Celery's own limit, above all that a task may take.

        That is batch wait, run, and the write through an outage of the store.
        """
        return self.max_batch_wait_ms / 1000 + self.run_limit_s + 300.0
