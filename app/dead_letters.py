"""Lists the dead letters of all models as one, and does what an operator asks with them.

HTTP and the command both use it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from app.large_payloads import LargePayloads
from inference.ids import model_of
from inference.records import DeadLetter, DeadLetters, Place
from inference.states import State
from inference.store.protocols import GatewayStore

MOST_IN_A_PAGE = 100


@dataclass(frozen=True, slots=True)
class Filter:
    """Which ones; empty is any. `before` is where an earlier page ended, or a moment."""

    model: str = ""
    error_type: str = ""
    before: Place | None = None


class DeadLetterBox:
    """`need` hears of the tickets that a replay asks for."""

    def __init__(
        self,
        store: GatewayStore,
        payloads: LargePayloads,
        models: Sequence[str],
        need: Callable[[str, int], None],
    ) -> None:
        self._store = store
        self._payloads = payloads
        self._models = models
        self._need = need

    async def page(self, wanted: Filter, limit: int = MOST_IN_A_PAGE) -> DeadLetters:
        """Returns the newest first.

        A page may be shorter than `limit`, or empty, and have a next one.
        """
        models = [wanted.model] if wanted.model else self._models
        pages = [
            await self._store.dead_letters(model, wanted.before, wanted.error_type, limit)
            for model in models
        ]
        # A model whose page broke off may have others behind that: nothing older than the newest
        # such place can be told yet.
        stops = [page.next for page in pages if page.next]
        stop = max(stops, key=_age) if stops else None
        items = sorted((item for page in pages for item in page.items), key=_age, reverse=True)
        told = [item for item in items if stop is None or _age(item) >= _age(stop)]
        if len(told) > limit:
            last = told[limit - 1]
            return DeadLetters(tuple(told[:limit]), Place(last.ended_ms, last.task_id))
        return DeadLetters(tuple(told), stop)

    async def one(self, task_id: str) -> DeadLetter | None:
        """Returns one with its history; None for what is no dead letter.

        A large input is not read.
        """
        return await self._store.dead_letter(task_id) if model_of(task_id) else None

    async def shown(self, letter: DeadLetter) -> DeadLetter:
        """Returns it with its input."""
        return await self._payloads.whole_letter(letter)

    async def state(self, task_id: str) -> State | None:
        """Returns how a task stands; None for an id never issued."""
        record = await self._store.watch(task_id, "") if model_of(task_id) else None
        return record.state if record else None

    async def replay(self, letter: DeadLetter) -> int:
        """Sends one round again and returns the epoch that now runs.

        0 when it was replayed or deleted meanwhile.
        """
        answer = await self._store.replay(letter.task_id, letter.epoch)
        self._need(model_of(letter.task_id) or "", answer.tickets)
        return answer.epoch

    async def replay_all(self, wanted: Filter) -> int:
        """Replays all that there were when it began, page by page; returns how many."""
        replayed, place = 0, wanted.before
        while True:
            page = await self.page(Filter(wanted.model, wanted.error_type, place))
            for letter in page.items:
                replayed += bool(await self.replay(letter))
            if page.next is None:
                return replayed
            place = page.next

    async def delete(self, task_id: str) -> bool:
        """Drops one with its input; says whether it is gone, then or before.

        Raises `PayloadUnavailable` while the input is not.
        """
        discarded = await self._store.discard_dead_letter(task_id)
        if discarded:
            await self._payloads.drop_input(task_id)
        return discarded


def _age(item: DeadLetter | Place) -> tuple[int, str]:
    return item.ended_ms, item.task_id
