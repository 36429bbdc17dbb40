"""The scoring job's settings.

It speaks to the registry and to where the file is, never to store or broker.
"""

from datetime import date
from typing import Literal

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from inference.models.model_address import ModelAddress


class ScoringSettings(BaseSettings):
    """Read once from the environment. A default that a worker has too is the same one."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)

    model_uri: str = Field(
        "models:/match-outcome@production",
        description="The model to serve, as MLflow names it: models:/name@alias.",
    )
    model_code: Literal["", "refuse", "allow"] = Field(
        "", description="Whether to load a model that brings code: as for a worker."
    )
    mlflow_tracking_uri: str = Field(
        "http://127.0.0.1:5000", description="The MLflow server whose registry names the models."
    )
    ca_bundle: str = Field("", description="As for a worker.")
    start_timeout_s: float = Field(
        30.0,
        gt=0,
        description="How long store and registry may take to answer at start, in seconds.",
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="Least level of the lines logged."
    )
    batch_output_url: str = Field(
        min_length=1,
        description="The Parquet file that is written: a path or a URL (s3://…, gs://…)."
        " Parts lie beside it until it is whole.",
    )
    batch_size: int = Field(
        512, ge=1, le=65_536, description="Matches scored at once, and kept as one part."
    )
    batch_from_date: date | None = Field(
        None,
        description="First date of the matches scored (2017-01-31);"
        " the default is where the model's training ended.",
    )

    @field_validator("model_uri")
    @classmethod
    def _names_a_model(cls, uri: str) -> str:
        ModelAddress.read(uri)
        return uri
