"""What tells one registered version from another, and whether it can be used yet.

A registry that was set up anew or restored from a backup counts its versions from where it stands.
So does a model that was deleted and registered again. So a number says nothing by itself.
"""

from hashlib import blake2b
from typing import Any

_STATES = {
    "PENDING_REGISTRATION": "is still being registered",
    "FAILED_REGISTRATION": "could not be registered: register it again",
}


def identity_of(found: Any) -> str:
    """Returns what identifies one of MLflow's model versions, as 12 hex digits.

    It is made of the run, the place of the files, and the time of registration. The registry's own
    address has no part in it: gateways and workers may know it by different ones.
    """
    told = f"{found.run_id or ''} {found.source} {found.creation_timestamp}"
    return blake2b(told.encode("utf-8", "replace"), digest_size=6).hexdigest()


def unready(found: Any) -> str:
    """Returns why one of MLflow's model versions can't be used now, as a sentence, or ''."""
    state = _STATES.get(str(found.status))
    return f"models:/{found.name}/{found.version} {state}" if state else ""
