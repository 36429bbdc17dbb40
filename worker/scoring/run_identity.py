"""What a run's answers depend on: the input, the version of the model, and the options.

Parts are named by it, so that no part of anything else is joined to them.
"""

import json
import os
from dataclasses import asdict, dataclass
from hashlib import blake2b
from typing import ClassVar, Self

from inference.blobs.url_files import File
from worker.child_status import HeldVersion
from worker.scoring.options import Options
from worker.scoring.tables import Table
from worker.settings import WorkerSettings


@dataclass(frozen=True, slots=True)
class RunIdentity:
    """Each part is a text."""

    FILE: ClassVar[str] = "made_of.json"
    """Its file beside the parts, which says to the next run what they are made of."""

    input: str
    model: str
    version: str
    options: str

    @property
    def digest(self) -> str:
        """Names the folder of the parts."""
        return blake2b(self.to_bytes(), digest_size=8).hexdigest()

    def to_bytes(self) -> bytes:
        return json.dumps(asdict(self), sort_keys=True).encode()

    def differs_from(self, file: File) -> str:
        """Says how this run is another than the one that wrote the file."""
        try:
            other = self._read(file.read())
        except (OSError, ValueError, TypeError):
            return "what they are made of can't be read"
        if self.model != other.model:
            return f"they are of the model {other.model} and this run is of {self.model}"
        if self.version != other.version:
            return f"they are of version {_number(other)} and this run is of {_number(self)}"
        return (
            "the input changed since"
            if self.input != other.input
            else "--params, --columns, --format or RESULT_NAN were others"
        )

    @classmethod
    def _read(cls, content: bytes) -> Self:
        return cls(**json.loads(content))


def identity_of(
    options: Options, source: File, table: Table, settings: WorkerSettings, held: HeldVersion
) -> RunIdentity:
    """Looks at the input and returns what a run of now is made of; raises OSError."""
    told = (options.columns, options.params, options.format_of(source.path), settings.result_nan)
    return RunIdentity(
        f"{_state(source)} {table.schema.names}",
        settings.model_name,
        str(held),
        json.dumps(told, sort_keys=True),
    )


def _state(file: File) -> str:
    """Changes when the file does; a file of this machine may be moved or linked."""
    if not file.local:
        return file.token()
    found = os.stat(file.path)
    return f"{found.st_size} {found.st_mtime_ns}"


def _number(identity: RunIdentity) -> str:
    number, _, which = identity.version.partition(":")
    return f"{number} ({which})"
