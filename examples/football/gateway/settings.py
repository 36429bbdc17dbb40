"""What an operator can set of the look-ups."""

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class LookupSettings(BaseSettings):
    """Read once from the environment, beside the gateway's own."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)

    batch_output_url: str = Field(
        "",
        description="The file that the scoring job writes, for GET /predict/{match_id} and"
        " /predict/matches/: a path or a URL.",
    )
    batch_refresh_s: float = Field(
        2.0, ge=0.1, description="How often that file is looked at for a newer one, in seconds."
    )
