"""What an operator can set on a gateway, beside what it shares with the workers."""

import re
from dataclasses import replace
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator
from pydantic_settings import NoDecode

from app.canaries import Canary, read_canaries
from inference.limits import Limits
from inference.models.model_address import entries_of, pool_of, pools_of
from inference.settings import ContractSettings


class GatewaySettings(ContractSettings):
    """The gateway's settings, read once from the environment under these names in capitals."""

    model_uris: Annotated[tuple[str, ...], NoDecode] = Field(
        ("models:/match-outcome@production",),
        description="The models served, with commas: models:/name@alias or models:/name/version,"
        " the first is the default."
        " The name of a model's pool is made of the model's, fraud-detection of fraud_detection,"
        " or given, as in canary=models:/name@canary; workers give the same (MODEL_URI, POOL).",
    )
    canaries: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="Pools that take a percentage of the calls for another pool, with commas, as in"
        " match-outcome-canary=match-outcome:10."
        " With 0 it takes none, and keys that it answered before keep their tasks.",
    )
    sync_slo_s: float = Field(
        30.0,
        gt=0,
        le=600,
        description="How long POST /predict/ waits for its result, in seconds; then 504.",
    )
    max_body_bytes: int = Field(
        16 * 1024 * 1024,
        ge=1024,
        description="The largest body taken, in bytes; above it 413."
        " Parsing one takes up to 20 times that in memory.",
    )
    receiving_max_bytes: int = Field(
        64 * 2**20,
        ge=1024,
        description="Bytes of large bodies that may be in memory before they are written down;"
        " others wait up to 10 s, then 503.",
    )
    arrival_timeout_s: float = Field(
        60.0,
        gt=0,
        le=600,
        description="How long a request's head may take to arrive, and its body again, in seconds;"
        " then 408.",
    )
    max_depth: int = Field(32, ge=4, le=512, description="How deep a body may be nested.")
    broker_timeout_s: float = Field(
        2.0, gt=0, le=30, description="How long publishing a ticket may take, in seconds."
    )
    broker_backoff_s: float = Field(
        1.0,
        gt=0,
        le=60,
        description="How long a broker that failed is left alone, in seconds;"
        " workers repair what is missed.",
    )
    registry_refresh_s: float = Field(
        30.0,
        ge=0.1,
        description="How often the registry is asked for a newer version, in seconds;"
        " an outage keeps the last one known."
        " A model that is not served is asked for every 2 s.",
    )
    wait_for_model_s: float = Field(
        0.0,
        ge=0,
        description="How long after its start a gateway that can serve no model is not ready,"
        " in seconds. Then it is ready, and answers 503 model-unavailable.",
    )
    backlog_max_records: int = Field(
        100_000,
        ge=1,
        description="Predictions that a model may have outstanding; more are answered 503.",
    )
    backlog_max_bytes: int = Field(
        256 * 2**20, ge=1, description="Bytes of their inputs; a single one may be larger."
    )
    priority_step_s: float = Field(
        10.0,
        ge=0,
        le=86_400,
        description="The head start that each step of a request's priority, 0 to 9, gives,"
        " in seconds.",
    )
    max_time_to_start_s: float = Field(
        7 * 86_400.0,
        gt=0,
        description="The longest time_to_start_s that a request may ask for, in seconds.",
    )
    payload_sweep_s: float = Field(
        60.0,
        ge=0.1,
        description="How often payloads that nobody needs are looked for, in seconds;"
        " one goes when two looks have found it.",
    )
    reread_s: float = Field(
        15.0,
        gt=0,
        description="How often a waiting caller's record is read again in case a notice was lost,"
        " in seconds.",
    )

    access_log: Literal["on", "off"] = Field(
        "off",
        description="Whether each answer of a gateway is a line of its log, `on` or `off`."
        " It costs a third of the throughput, and the metrics count requests without it.",
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO",
        description="Least level of the lines that a gateway logs;"
        " SIGUSR1 makes it DEBUG, SIGUSR2 makes it this again.",
    )
    extensions: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="Functions that add calls of their own to the gateway, with commas:"
        " package.module:function,"
        " as in examples.football.gateway:install.",
    )
    pod_namespace: str = Field(
        "", description="On Kubernetes, the namespace in which workers run; the chart sets it."
    )
    pod_selector: str = Field(
        "",
        description="The labels of the workers' pods: /monitoring/workers then says why a wanted"
        " one is not there yet.",
    )

    @field_validator("model_uris", mode="before")
    @classmethod
    def _split_models(cls, value: object) -> object:
        return entries_of(value) if isinstance(value, str) else value

    @field_validator("extensions", "canaries", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return (
            tuple(part.strip() for part in value.split(",") if part.strip())
            if isinstance(value, str)
            else value
        )

    @field_validator("model_uris")
    @classmethod
    def _name_models(cls, entries: tuple[str, ...]) -> tuple[str, ...]:
        for entry in entries:
            pool_of(entry)
        return entries

    @field_validator("extensions")
    @classmethod
    def _name_functions(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            if not re.fullmatch(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*", name):
                raise ValueError(f"{name!r} is no extension: it must read package.module:function")
            if names.count(name) > 1:
                raise ValueError(f"{name} is there more than once")
        return names

    @model_validator(mode="after")
    def _models_differ(self) -> Self:
        if not self.model_uris:
            raise ValueError("MODEL_URIS names no model")
        read_canaries(self.canaries, pools_of(self.model_uris))
        if self.receiving_max_bytes < self.max_body_bytes:
            raise ValueError(
                f"RECEIVING_MAX_BYTES={self.receiving_max_bytes} is below"
                f" MAX_BODY_BYTES={self.max_body_bytes}"
            )
        return self

    @property
    def limits(self) -> Limits:
        """With the bounds that only a gateway needs."""
        bounds = {
            "most_outstanding": self.backlog_max_records,
            "most_outstanding_bytes": self.backlog_max_bytes,
        }
        return replace(super().limits, **bounds)

    @property
    def model_names(self) -> tuple[str, ...]:
        """The models served, by the names of their pools, the default first."""
        return tuple(self.pools)

    @property
    def canary_shares(self) -> tuple[Canary, ...]:
        """The pools that take a share of another's calls."""
        return read_canaries(self.canaries, self.pools)

    @property
    def pools(self) -> dict[str, str]:
        """The addresses of the models served, by their pools."""
        return pools_of(self.model_uris)
