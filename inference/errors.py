"""Everything that can go wrong, in one tree.

    ServiceError
    ├── Temporary                  trying again may help
    │   ├── StoreUnavailable       the store did not answer, or refused to write
    │   ├── BrokerUnavailable      the broker did not take tickets, or did not answer
    │   ├── PayloadUnavailable     a large input or result can't be read or written where it is kept
    │   ├── OutOfMemory            the device could not hold this batch: halve it
    │   ├── InputUnavailable       what this input points at could not be fetched for now
    │   └── DeviceBroken           the device's context is broken: only another process may run
    └── Permanent                  trying again can't help
        ├── InvalidInput           this input can't be predicted on
        ├── PayloadGone            a large input or result is no longer where it was kept
        ├── UnfitAnswer            the model did not answer each input with one row of JSON
        └── Misconfigured          said once at start, in one sentence, with what to do
            ├── PrefixTaken        the keys under KEY_PREFIX are another installation's
            └── SchemaTooNew       the records are laid out by a newer program

What a model raises is foreign: the runner turns it into an `Outcome`, it never travels as an
exception. There, a permanent error ends a prediction at once; any other, a lost worker and a
time-out come back after a back-off, as long as there are attempts.
"""


class ServiceError(Exception):
    """The root; its text is a sentence for people."""


class Temporary(ServiceError):
    """Trying again may help."""


class Permanent(ServiceError):
    """Trying again can't help."""


class StoreUnavailable(Temporary):
    """The store did not answer in time, or could not write.

    Whether the move was made may be unknown.
    """


class BrokerUnavailable(Temporary):
    """The broker did not answer, or did not take tickets.

    Idle workers ask for them later (protocol rule 3).
    """


class PayloadUnavailable(Temporary):
    """A payload could not be written or read: the folder or object store at PAYLOAD_URL failed."""


class OutOfMemory(Temporary):
    """The device's memory did not hold the batch."""


class InputUnavailable(Temporary):
    """What an input points at could not be fetched, and may be later.

    `field` names the part that points there.
    """

    def __init__(self, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field


class DeviceBroken(Temporary):
    """A call left the device's context unusable, as CUDA's errors do.

    The process must be replaced.
    """


class InvalidInput(Permanent):
    """The input can't be predicted on; `field` names the part, if one is to blame."""

    def __init__(self, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field


class PayloadGone(Permanent):
    """There is no payload of that name any more, or it is not what was written."""


class UnfitAnswer(Permanent, ValueError):
    """The model's answer has no row for each input, can't be cut into rows, or one can't be JSON.

    Another run would get the same.
    """


class Misconfigured(Permanent):
    """A setting, or the part that it points at, can't work: the program says so and ends."""


class PrefixTaken(Misconfigured):
    """The keys under KEY_PREFIX belong to another installation (protocol rule 12).

    This program may touch none of them.
    """


class SchemaTooNew(Misconfigured):
    """The store holds records of a newer layout (protocol rule 12).

    Whoever finds that stays unready and touches none of them.
    """


def error_text(error: BaseException) -> str:
    """Returns an exception's text, '' if it has none or can't make one.

    `__str__` of a foreign exception may raise itself.
    """
    try:
        return str(error)
    except Exception:  # foreign code
        return ""


def first_line(error: BaseException) -> str:
    """Returns the first line of an exception's text that is not blank, else its type's name."""
    return next(
        (line for line in map(str.strip, error_text(error).splitlines()) if line),
        type(error).__name__,
    )
