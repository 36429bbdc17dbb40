"""The durations and bounds by which every move of the protocol is made."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """The durations and bounds of the protocol; durations are in milliseconds."""

    lease_ms: int = 10_000
    reaper_period_ms: int = 1_000
    max_attempts: int = 3
    retry_base_ms: int = 1_000
    retry_cap_ms: int = 60_000
    result_ttl_ms: int = 3_600_000
    tombstone_ttl_ms: int = 86_400_000
    dead_letter_ttl_ms: int = 7 * 86_400_000
    most_outstanding: int = 100_000
    """Records that a model may have outstanding; more are refused."""
    most_outstanding_bytes: int = 256 * 2**20
    """Bytes of their inputs; a single one may be larger."""
    most_dead: int = 10_000
    """Dead letters kept; of more the oldest go."""
    most_dead_bytes: int = 256 * 2**20
