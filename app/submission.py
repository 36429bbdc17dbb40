"""Where a request goes that passed the checks: the pool that was named, or a canary of it.

It is decided once, when the request is submitted. The task id begins with the pool's name from then
on, and every later call about the task finds it by that.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from app.background.canary_watch import INPUT, REFUSED_BY_STORE, CanaryWatch
from app.checking.request_check import Checked, digest
from app.served_models import Registry
from inference.errors import StoreUnavailable
from inference.ids import new_task_id
from inference.records import PredictionRequest
from inference.store.messages import SubmitAnswer
from inference.store.protocols import GatewayStore


@dataclass(frozen=True, slots=True)
class Submission:
    """A request as it goes to the pool that was chosen for it."""

    request: PredictionRequest
    main: PredictionRequest
    """The same for the pool that was named; `request` itself unless a canary was drawn."""
    relatives: tuple[str, ...] = ()
    """The main pool and its canaries, where the request's idempotency key may be known."""

    @property
    def task_id(self) -> str:
        """The id that the request has unless it joins, or goes to another pool."""
        return self.request.task_id


class SubmitFailed(StoreUnavailable):
    """The store did not answer a submission; whether `task_id` was accepted is unknown."""

    def __init__(self, error: StoreUnavailable, task_id: str) -> None:
        super().__init__(str(error))
        self.task_id = task_id


class Placement:
    """Chooses the pool of each request, and the main pool where the canary refuses."""

    def __init__(self, canaries: CanaryWatch, registry: Registry, store: GatewayStore) -> None:
        self._canaries = canaries
        self._registry = registry
        self._store = store

    def placed(self, checked: Checked, main: PredictionRequest) -> Submission:
        """Returns the request for the pool that takes it; `main` is it for the pool named."""
        pool, request = self._pool_for(checked), main
        if pool != main.model:
            request = replace(
                main,
                task_id=new_task_id(pool),
                model=pool,
                join_key=self.join_key(pool, checked.canary_join_digest),
                join_version=self._registry.models[pool].version,
            )
        canaries = self._registry.shares.pools_of(main.model)
        keyed = main.idempotency_key and canaries
        return Submission(request, main, (main.model, *canaries) if keyed else ())

    def _pool_for(self, checked: Checked) -> str:
        """Returns the canary drawn for a call if it can take it, else the main pool."""
        if not checked.canary:
            return checked.model
        problem = self._canaries.problem(checked.canary)
        if not problem and checked.canary_takes_it:
            return checked.canary
        self._canaries.diverted(checked.canary, problem or INPUT)
        return checked.model

    def join_key(self, pool: str, join_digest: str) -> str:
        """Returns the key by which a request joins in a pool.

        A result is shared by its version's number, so the key says which of that number.
        """
        identity = self._registry.models[pool].identity
        return digest(join_digest, identity) if join_digest and identity else join_digest

    async def submit(
        self,
        submission: Submission,
        submit: Callable[[PredictionRequest], Awaitable[SubmitAnswer]],
    ) -> SubmitAnswer:
        """Submits to the pool chosen, and to the main pool where a canary refuses.

        Raises `SubmitFailed`.
        """
        request = submission.request
        try:
            holder = await self._holder(submission)
            if holder != request.model:
                request = _moved(submission, holder)
                return await submit(request)
            answer = await submit(request)
            if request is submission.main:
                return answer
            refusal = REFUSED_BY_STORE.get(answer.kind)
            if refusal is None:
                self._canaries.taken(request.model)
                return answer
            self._canaries.diverted(request.model, refusal)
            request = submission.main
            return await submit(request)
        except StoreUnavailable as error:
            raise SubmitFailed(error, request.task_id) from error

    async def _holder(self, submission: Submission) -> str:
        """Returns the pool where the request's key stands for a task already, else its own.

        A percentage that moved, or a canary that was broken, may have sent the key elsewhere.
        """
        request = submission.request
        for pool in submission.relatives:
            if pool != request.model and await self._store.knows_key(pool, request.idempotency_key):
                return pool
        return request.model


def _moved(submission: Submission, pool: str) -> PredictionRequest:
    """Returns the request for a pool that knows its key: it joins by that alone."""
    main = submission.main
    if pool == main.model:
        return main
    return replace(main, task_id=new_task_id(pool), model=pool, join_key="")
