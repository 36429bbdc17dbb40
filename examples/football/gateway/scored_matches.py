"""The upcoming matches and their scores, from the file that the scoring job writes.

It gives one by its id, and pages of them.

The file is read whole, on a thread, and kept as Arrow's columns: a look-up is a bisection and a
page a slice, neither asks anybody. A million matches cost some 110 MB, and 300 MB while a new file
takes an old one's place; a larger file is refused, since a gateway that runs out of memory takes
predictions down with it.

A file that is missing, cut short or of another layout is an answer to these look-ups alone, also
after a good one: the job replaces the file in one step, so such a file is somebody's mistake, and a
gateway that hid it by what it remembers would say something else than the gateway started next.
What can't be reached says nothing of the file, though: then what was read last goes on being
served, as with the registry.
"""

import asyncio
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from hashlib import blake2b
from typing import Any

import structlog

from examples.football import file_layout as layout
from examples.football.gateway.match_file import EPOCH, Unfit, content_of, parsed
from examples.football.gateway.metrics import LookupMetrics
from inference.blobs.url_files import file_at, without_secrets
from inference.errors import Misconfigured, Temporary

log = structlog.get_logger()

FIRST_LOOK_S = 5.0
"""How long a look-up right after the start waits for the file to be read."""

_LEAST, _MOST = -(2**63), 2**63 - 1


class MatchesUnavailable(Temporary):
    """There is no file to look matches up in; the text says why."""


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where a page ended: days since 1970 and match_id. It means the same in any file."""

    day: int
    match_id: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which matches, dates inclusive; empty is any. `after` is where an earlier page ended."""

    first: date | None = None
    last: date | None = None
    division: str = ""
    after: Place | None = None


class MatchTable:
    """One file's matches, in the order of date and match_id.

    Raises `Unfit` for a file of another kind.
    """

    def __init__(self, content: bytes) -> None:
        import pyarrow as pa
        import pyarrow.compute as pc

        table, metadata = parsed(content)
        self.etag = blake2b(content, digest_size=16).hexdigest()
        self.version = metadata.get(layout.VERSION_KEY, b"").decode(errors="replace")
        self.written_s = _seconds(metadata.get(layout.WRITTEN_KEY, b""))
        self._table = table.take(
            pc.sort_indices(table.select(layout.ORDER), _ascending(layout.ORDER))
        ).combine_chunks()
        del table
        self._ids = self._table["match_id"].combine_chunks()
        self._days = self._table["date"].combine_chunks().cast("int32")
        divisions = self._table["division"].combine_chunks()
        self._divisions, self._names = divisions.indices, divisions.dictionary
        self._by_id = pc.sort_indices(self._ids)
        ordered = self._ids.take(self._by_id)
        if pc.any(pc.equal(ordered[1:], ordered[:-1])).as_py():
            raise Unfit("has a match_id twice")
        keys = pa.table([self._divisions, self._days, self._ids], names=["division", *layout.ORDER])
        self._by_division = pc.sort_indices(keys, _ascending(keys.column_names))

    def __len__(self) -> int:
        return int(self._table.num_rows)

    def one(self, match_id: int) -> dict[str, Any] | None:
        """Returns a match's row."""
        place = bisect_left(self._by_id, match_id, key=lambda row: self._ids[row.as_py()].as_py())
        if place == len(self) or self._ids[row := self._by_id[place].as_py()].as_py() != match_id:
            return None
        return dict(self._table.slice(row, 1).to_pylist()[0])

    def page(self, wanted: Wanted, limit: int) -> tuple[list[dict[str, Any]], Place | None]:
        """Returns up to `limit` rows and, if there are more, where this page ended."""
        row_at, place_at = self._order(wanted.division)
        division = self._names.index(wanted.division).as_py() if wanted.division else 0
        low = bisect_left(range(len(self)), (division, _start(wanted.first)), key=place_at)
        if wanted.after:
            low = max(low, bisect_right(range(len(self)), (division, wanted.after), key=place_at))
        high = bisect_right(range(len(self)), (division, _end(wanted.last)), key=place_at)
        rows = [row_at(place) for place in range(low, min(low + limit, high))]
        after = self._place(rows[-1]) if rows and low + limit < high else None
        return self._table.take(rows).to_pylist() if rows else [], after

    def _order(
        self, division: str
    ) -> tuple[Callable[[int], int], Callable[[int], tuple[int, Place]]]:
        """How to find the row at a place of an order, and what that place is called.

        It is called by its division's number, then the place.

        Without a division all have the number 0, so that both orders are bisected alike; one that
        no match has is -1.
        """
        if not division:
            return (lambda place: place), (lambda place: (0, self._place(place)))

        def row_at(place: int) -> int:
            return int(self._by_division[place].as_py())

        return row_at, lambda place: (
            self._divisions[row := row_at(place)].as_py(),
            self._place(row),
        )

    def _place(self, row: int) -> Place:
        return Place(self._days[row].as_py(), self._ids[row].as_py())


class Matches:
    """The file at a URL, looked at every so often; '' is none."""

    def __init__(self, url: str, refresh_s: float, metrics: LookupMetrics) -> None:
        self._url = url
        self._refresh_s = refresh_s
        self._metrics = metrics
        self._table: MatchTable | None = None
        self._why = "it has not been read yet" if url else "BATCH_OUTPUT_URL names none"
        self._token = ""
        self._looked = asyncio.Event()

    async def current(self) -> MatchTable:
        """Returns what is served now; raises `MatchesUnavailable`."""
        if self._url and not self._looked.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(self._looked.wait(), FIRST_LOOK_S)
        if self._table is None:
            raise MatchesUnavailable(f"There is no file of scored matches: {self._why}")
        return self._table

    async def keep_fresh(self) -> None:
        """Looks for another file, for ever."""
        while self._url:
            await asyncio.to_thread(self._look)
            self._looked.set()
            await asyncio.sleep(self._refresh_s)
        await asyncio.Event().wait()

    def _look(self) -> None:
        try:
            file = file_at(self._url)
            token = file.token()
            if token != self._token:
                self._serve(MatchTable(content_of(file)), token)
            elif self._table:
                self._why = ""
        except FileNotFoundError:
            self._refuse(
                "",
                f"nothing is at {without_secrets(self._url)} (yet):"
                " python -m examples.football.scoring writes it",
            )
        except Unfit as error:
            self._refuse(token, f"what is at {without_secrets(self._url)} {error}")
        except Misconfigured as error:
            self._refuse("", str(error))
        except OSError as error:
            self._keep(f"{without_secrets(self._url)} can't be read: {error}")

    def _serve(self, table: MatchTable, token: str) -> None:
        import pyarrow as pa

        self._count(len(table), table.written_s)
        self._table, self._token, self._why = table, token, ""
        # What reading took beside, and the file before, goes back to the kernel at once.
        pa.default_memory_pool().release_unused()
        log.info("matches.read", matches=len(table), version=table.version)

    def _refuse(self, token: str, why: str) -> None:
        if why != self._why or token != self._token:
            log.warning("matches.refused", reason=why)
        self._table, self._token, self._why = None, token, why
        self._count(0, 0)

    def _keep(self, why: str) -> None:
        if why != self._why:
            log.warning("matches.kept", reason=why, matches=len(self._table) if self._table else 0)
        self._why = why

    def _count(self, matches: int, written_s: float) -> None:
        self._metrics.matches.set(matches)
        self._metrics.written.set(written_s)


def _ascending(names: Iterable[str]) -> list[tuple[str, str]]:
    return [(name, "ascending") for name in names]


def _start(first: date | None) -> Place:
    return Place(first.toordinal() - EPOCH if first else _LEAST, _LEAST)


def _end(last: date | None) -> Place:
    return Place(last.toordinal() - EPOCH if last else _MOST, _MOST)


def _seconds(written: bytes) -> float:
    try:
        return datetime.fromisoformat(written.decode()).timestamp()
    except ValueError:
        return 0.0
