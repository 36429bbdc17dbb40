"""Settings that gateway and worker share, and how any are read: once, from the environment, frozen.

Names carry their unit. What contradicts itself is refused at start, in one sentence that names the
variable.
"""

import re
from ipaddress import ip_network
from typing import Annotated, Any, Self, TypeVar
from urllib.parse import urlsplit

from pydantic import Field, ValidationError, WithJsonSchema, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from inference.errors import Misconfigured
from inference.limits import Limits
from inference.outbound.address_policy import Network

S = TypeVar("S", bound=BaseSettings)

NOT_REGISTERED = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")
"""MLflow's error codes for a model that its registry does not have."""

BEAT_S = 1.0
"""How often a worker renews its leases and says that it lives."""

RECONNECT_S = 3.0
"""What a worker may need to reach a store that came back."""


class ContractSettings(BaseSettings):
    """Where the parts are and how long things last.

    Must be the same for all gateways and workers of one service.
    """

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)

    store_url: str = Field(
        "redis://127.0.0.1:6379/0",
        description="The store: Redis 7 or newer, or Valkey 8 or newer."
        " redis://, rediss:// with its certificates, unix:// or sentinel:// (docs/operations.md).",
    )
    broker_url: str = Field(
        "redis://127.0.0.1:6379/1",
        description="The broker that carries Celery's messages: Redis or Valkey by the same kinds"
        " of URL, or RabbitMQ 3.10 or newer as in `amqp://user:password@host/virtual-host`.",
    )
    mlflow_tracking_uri: str = Field(
        "http://127.0.0.1:5000", description="The MLflow server whose registry names the models."
    )
    key_prefix: str = Field(
        "inference",
        pattern=r"^[a-z0-9][a-z0-9-]{0,30}$",
        description="Start of all keys and queues: lets services share a server.",
    )
    installation: str = Field(
        "",
        pattern=r"^\S{0,128}$",
        description="Name of this installation, the same for all its gateways and workers,"
        " as in `namespace/release`."
        " It marks the keys under KEY_PREFIX as its own, and one of another name, or of none,"
        " is refused there.",
    )
    store_timeout_s: float = Field(
        1.5,
        gt=0,
        le=5,
        description="How long the store may take to answer, in seconds;"
        " then a request gets 503, a worker tries again.",
    )
    lease_s: float = Field(
        10.0,
        gt=0,
        description="How long a worker may be silent before its records are reclaimed, in seconds.",
    )
    reaper_period_s: float = Field(
        1.0, ge=0.1, description="How often lost work is looked for, in seconds."
    )
    max_attempts: int = Field(
        3, ge=1, le=100, description="Runs that a record may fail before it is a dead letter."
    )
    retry_base_s: float = Field(
        1.0,
        ge=0,
        description="Ceiling of the first back-off, in seconds; doubled for each further attempt.",
    )
    retry_cap_s: float = Field(60.0, ge=0, description="Ceiling of any back-off, in seconds.")
    result_ttl_s: float = Field(
        3600.0, gt=0, description="How long a result can be read, in seconds; then 410."
    )
    tombstone_ttl_s: float = Field(
        86400.0,
        gt=0,
        description="How long an id answers 410, and its idempotency key counts, in seconds;"
        " then 404.",
    )
    dead_letter_ttl_s: float = Field(
        7 * 86400.0,
        gt=0,
        description="How long a failed prediction and its input are kept, in seconds.",
    )
    dead_letter_max_count: int = Field(
        10_000, ge=0, description="Dead letters kept for a model; of more the oldest are dropped."
    )
    dead_letter_max_bytes: int = Field(
        256 * 2**20, ge=0, description="Bytes of their inputs kept; of more the oldest are dropped."
    )
    payload_url: str = Field(
        "",
        description="Where large inputs and results go, of this store's services alone."
        " `file:///a/folder` that all share,"
        " or `s3://bucket/prefix` and the like (fsspec, with its package installed,"
        " or the extra s3). Empty: into the store.",
    )
    payload_threshold_bytes: int = Field(
        65_536, ge=1024, description="Inputs and results of more bytes than this go to PAYLOAD_URL."
    )
    ca_bundle: str = Field(
        "",
        description="A file of CAs (PEM) that are trusted beside the machine's: by store, broker,"
        " MLflow, object stores, inputs and traces. It is read at start."
        " A URL that names a CA of its own trusts that one alone.",
    )
    start_timeout_s: float = Field(
        30.0,
        gt=0,
        description="How long the store, and for a worker the registry,"
        " may take to answer at start, in seconds.",
    )
    fetch_allowed_networks: Annotated[
        tuple[Network, ...], NoDecode, WithJsonSchema({"type": "string"})
    ] = Field(
        (),
        description="Networks in CIDR, with commas, that inputs may be fetched from although they"
        " are not public.",
    )

    @field_validator("mlflow_tracking_uri")
    @classmethod
    def _names_a_server(cls, uri: str) -> str:
        return check_tracking_uri(uri)

    @field_validator("fetch_allowed_networks", mode="before")
    @classmethod
    def _networks(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        try:
            return tuple(ip_network(part.strip()) for part in value.split(",") if part.strip())
        except ValueError as error:
            raise ValueError(f"{error}; give networks such as 10.1.0.0/16, with commas") from error

    @model_validator(mode="after")
    def _agree(self) -> Self:
        needed = BEAT_S + 3 * self.reaper_period_s + RECONNECT_S
        if self.lease_s <= needed:
            raise ValueError(
                f"LEASE_S={self.lease_s:g} is too short: it must be above {needed:g}"
                f" (a heartbeat of {BEAT_S:g} s, three periods of REAPER_PERIOD_S and"
                f" {RECONNECT_S:g} s to reconnect)"
            )
        if self.retry_cap_s < self.retry_base_s:
            raise ValueError(
                f"RETRY_CAP_S={self.retry_cap_s:g} is below RETRY_BASE_S={self.retry_base_s:g}"
            )
        if self.payload_url and not re.match(
            "file:///.|(?!file:)[a-z][a-z0-9+.-]*://.", self.payload_url
        ):
            raise ValueError(
                "PAYLOAD_URL must read file:///a/folder, s3://bucket/prefix or the like"
            )
        return self

    @property
    def limits(self) -> Limits:
        """The durations as the store takes them."""
        return Limits(
            lease_ms=_ms(self.lease_s),
            reaper_period_ms=_ms(self.reaper_period_s),
            max_attempts=self.max_attempts,
            retry_base_ms=_ms(self.retry_base_s),
            retry_cap_ms=_ms(self.retry_cap_s),
            result_ttl_ms=_ms(self.result_ttl_s),
            tombstone_ttl_ms=_ms(self.tombstone_ttl_s),
            dead_letter_ttl_ms=_ms(self.dead_letter_ttl_s),
            most_dead=self.dead_letter_max_count,
            most_dead_bytes=self.dead_letter_max_bytes,
        )


def _ms(seconds: float) -> int:
    return round(seconds * 1000)


def check_tracking_uri(uri: str) -> str:
    """Returns the address of a registry; raises ValueError for what is none.

    Other schemes than http are MLflow's to judge.

    Without a scheme MLflow takes it for a folder, and a gateway would wait for ever for models to
    appear in there.
    """
    if uri.startswith(("http://", "https://")):
        parts = urlsplit(uri)
        good = (
            bool(parts.hostname) and parts.port != 0 and not re.search(r"\s", uri)
        )  # `port` raises for one that can't be
    else:
        good = "://" in uri or uri.startswith("databricks")
    if not good:
        raise ValueError("it must be the address of an MLflow server, as in http://mlflow:5000")
    return uri


def read_settings(kind: type[S], **given: Any) -> S:
    """Reads the environment; raises `Misconfigured` for what is wrong in it.

    What is given counts in place of the environment's. The error is one sentence that names every
    variable that is wrong.
    """
    try:
        return kind(**given)
    except ValidationError as error:
        raise Misconfigured("; ".join(_sentence(dict(e)) for e in error.errors())) from error


def _sentence(error: dict[str, object]) -> str:
    message = str(error["msg"]).removeprefix("Value error, ")
    place = error["loc"]
    name = "_".join(str(part) for part in place).upper() if isinstance(place, tuple) else ""
    return f"{name}: {message}" if name else message
