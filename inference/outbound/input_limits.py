"""What may be fetched and decoded for one input."""

from dataclasses import dataclass

from inference.outbound.address_policy import Network


@dataclass(frozen=True, slots=True)
class InputLimits:
    """What one input may cost before the device is taken."""

    max_bytes: int = 16 * 2**20
    max_pixels: int = 50_000_000
    fetch_limit_s: float = 10.0
    allowed_networks: tuple[Network, ...] = ()
    """Networks that may be fetched from although they are not public."""
