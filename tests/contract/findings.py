"""What the ledger and the rules raise when they see what must not be.

Each finding has a name, which the proof in docs/planted-bugs.md quotes.
"""


class Finding(AssertionError):
    """Something that must not be; `name` says what."""

    def __init__(self, name: str, detail: object = "") -> None:
        super().__init__(f"{name}: {detail}")
        self.name = name
