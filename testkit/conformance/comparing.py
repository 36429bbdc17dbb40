"""One model's inputs, sent to both sides; what differs is named."""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from inference.errors import Misconfigured
from testkit.conformance import differences
from testkit.conformance.cases import Case, Input
from testkit.conformance.reference import ANSWER, NO_ROW, REFUSED, UNSAID, Answer, Reference
from testkit.conformance.service import AGAIN, AT_THE_DOOR, BATCH, Service
from testkit.conformance.stated import BARE, Difference

SAME, SAME_REFUSED, DIFFERENT = "same", "same: refused", "DIFFERENT"
SAME_LATE = "same: refused late"
"""Both refuse it; the service's gateway lets it through, and its worker tells."""
AMONG = f"{DIFFERENT} among others"
"""The service answers otherwise in a batch: `theirs` is what it answers to the input alone."""
MODEL_ERROR, INVALID_INPUT = "model_error", "invalid_input"


@dataclass(frozen=True)
class Verdict:
    """What became of one input. `numbers` are those of the stated differences.

    `sent` and `theirs` are empty where nothing differs.
    """

    label: str
    word: str
    numbers: tuple[int, ...] = ()
    sent: Any = None
    theirs: Any = None
    ours: Any = None


@dataclass(frozen=True)
class Outcome:
    """What became of one model; `not_served` says why there are no verdicts."""

    name: str
    flavor: str
    signature: str
    form: str
    verdicts: tuple[Verdict, ...] = ()
    not_served: str = ""
    seconds: float = field(default=0.0, compare=False)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def read(cls, said: dict[str, Any]) -> "Outcome":
        verdicts = [Verdict(**one | {"numbers": tuple(one["numbers"])}) for one in said["verdicts"]]
        return cls(**said | {"verdicts": tuple(verdicts)})

    @property
    def different(self) -> list[Verdict]:
        return [one for one in self.verdicts if one.word.startswith(DIFFERENT)]

    @property
    def good(self) -> bool:
        return not self.not_served and not self.different


def outcome_of(case: Case, tracking_uri: str) -> Outcome:
    """Registers a model and compares all of its inputs."""
    began = time.monotonic()
    about = (case.name, case.flavor, case.signature, case.form)
    try:
        case.make(case.name)
    except Exception as error:  # foreign code: a package that does not fit its like
        return Outcome(*about, not_served=f"not made: {_line(error)}")
    uri = f"models:/{case.name}/1"
    try:
        reference = Reference(case, uri)
    except Exception as error:  # foreign code
        return Outcome(*about, not_served=f"MLflow can't load it: {_line(error)}")
    try:
        service = Service(uri, tracking_uri)
    except Misconfigured as error:
        return Outcome(*about, not_served=_line(error))
    except Exception as error:  # a fault of ours, and the other models are compared all the same
        return Outcome(*about, not_served=f"the service breaks: {_line(error)}")
    verdicts = tuple(verdicts_of(case, reference, service))
    if all(one.word.startswith(SAME_REFUSED) and not one.numbers for one in verdicts):
        return Outcome(*about, not_served="neither side answers any of the inputs")
    return Outcome(*about, verdicts, seconds=round(time.monotonic() - began, 1))


def verdicts_of(case: Case, reference: Reference, service: Service) -> list[Verdict]:
    """One for each input, in order."""
    door = [service.checked(one) for one in case.inputs]
    alone = [said if isinstance(said, Answer) else service.run([said])[0] for said in door]
    good = [
        place
        for place, said in enumerate(door)
        if isinstance(said, bytes) and alone[place].answered
    ]
    among = _among(service, {place: door[place] for place in good})
    found = []
    for place, one in enumerate(case.inputs):
        verdict = _compared(one, reference.answer(one), alone[place])
        if place in among and differences.between(alone[place].value, among[place].value) is None:
            verdict = Verdict(
                one.label,
                AMONG,
                sent=one.features,
                theirs=shown(alone[place]),
                ours=shown(among[place]),
            )
        found.append(verdict)
    return found


def _among(service: Service, given: dict[int, Any]) -> dict[int, Answer]:
    """What each answers as one of eight; those that are too few come more than once."""
    places = list(given)
    found: dict[int, Answer] = {}
    for start in range(0, len(places), BATCH):
        mates = places[start : start + BATCH]
        batch = (mates + places * BATCH)[:BATCH]
        answers = service.run([given[place] for place in reversed(batch)])[::-1]
        found |= dict(zip(mates, answers, strict=False))
    return found


def _compared(one: Input, theirs: Answer, ours: Answer) -> Verdict:
    word, why = judged(one, theirs, ours)
    if theirs.words == "the bare model":
        why = [BARE, *why]
    numbers = tuple(sorted({difference.number for difference in why}))
    if word != DIFFERENT:
        return Verdict(one.label, word, numbers, ours=shown(ours))
    sent = {"features": one.features} | ({"params": one.params} if one.params else {})
    return Verdict(one.label, word, (), sent, shown(theirs), shown(ours))


def judged(one: Input, theirs: Answer, ours: Answer) -> tuple[str, Sequence[Difference]]:
    """The word, and the stated differences that it rests on."""
    if theirs.answered and ours.answered:
        found = differences.between(theirs.value, ours.value)
        return (DIFFERENT, []) if found is None else (SAME, list(found))
    if not theirs.answered and not ours.answered:
        reason = differences.rowless(theirs, ours)
        late = ours.kind != AT_THE_DOOR and reason is None
        # What MLflow's own check refuses is the caller's mistake, not an error of the model's.
        if late and (theirs.kind == NO_ROW or (theirs.kind, ours.kind) == (REFUSED, MODEL_ERROR)):
            return DIFFERENT, []
        # What can't be JSON can't be JSON in three runs either.
        if theirs.kind == UNSAID and ours.words.endswith(AGAIN):
            return DIFFERENT, []
        word = SAME_LATE if ours.kind == INVALID_INPUT else SAME_REFUSED
        return word, [reason] if reason else []
    if ours.answered:
        reason = differences.taken(one, theirs)
    elif ours.kind == AT_THE_DOOR:
        reason = differences.at_the_door(one, ours)
    else:
        reason = differences.refused_late(one, ours)
    return (SAME, [reason]) if reason else (DIFFERENT, [])


def shown(answer: Answer) -> Any:
    """An answer as the table shows it."""
    if answer.kind == ANSWER:
        return answer.value
    value = "" if answer.value is None else f" {answer.value}"
    return f"{answer.kind}: {answer.words}{value}"


def _line(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:400]
