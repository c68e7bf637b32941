"""Applies a plan as a job that can die at any instant: chunk by chunk, journalled, undoable.

A chunk that the journal does not have is read again when the job goes on: what was written of it
is found to be as desired, and the rest is written.

Knows: plans, journals, files of failures. Does not know: terminals, how a chunk is written.
"""

import asyncio
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from hubassoc_async.client import AssociationsClient
from hubassoc_async.errors import HubAssocError
from hubassoc_async.jobs.dead_letters import DeadLetter, DeadLetters, Origin, earlier_failures
from hubassoc_async.jobs.edge_compare import EdgeChange
from hubassoc_async.jobs.edges import id_key
from hubassoc_async.jobs.files import NewFile
from hubassoc_async.jobs.journal import Journal, Mark
from hubassoc_async.jobs.plan_file import MaxDeletes, Plan, open_undo
from hubassoc_async.jobs.sync_chunk import ChunkOutcome, ChunkWriter
from hubassoc_async.jobs.sync_rules import SyncRules
from hubassoc_async.jobs.work import Work
from hubassoc_async.model import Failure

CHUNK_CHANGES: Final = 5_000
"""Changes that are read again, kept for undoing and written together."""

_PLAN, _FAILURES = "plan", "failures"  # places in ``Mark.positions``
_STALE: Final = "CREATE TABLE IF NOT EXISTS stale (from_id, to_id, line BLOB)"
_LINES: Final = 10_000  # read at a time


class ApplyProgress(Struct, frozen=True, kw_only=True):
    """How far the applying of a plan is. At its end, its summary."""

    total: int
    """Changes in all."""
    done: int
    """Changes that are committed, in earlier runs too."""
    before: int
    """Those that were when this run began."""
    created: int
    relabelled: int
    archived: int
    unchanged: int
    """Were as desired already."""
    stale: int
    """Were neither as the plan says nor as desired: left alone."""
    failed: int
    requests: int
    """Of this run, as all that follow."""
    retries: int
    rate_limited: int
    """Answers that said 429."""
    quota_share: float
    """Share of the quota in use now, 0 to 1."""
    seconds: float
    exact: bool = True
    """Whether ``total`` is counted rather than estimated."""


class ApplyJob(Work[ApplyProgress]):
    """Applies a plan, each chunk kept in the undo file before anything of it is written."""

    def __init__(
        self,
        client: AssociationsClient,
        journal: Journal,
        plan: Plan,
        *,
        undo: Path,
        failures: Path,
        stale: Path,
        max_deletes: MaxDeletes | None = None,
        chunk: int = CHUNK_CHANGES,
    ) -> None:
        """Begin the job of a journal, or go on with it; nothing is opened before ``run``.

        undo: where the plan that takes it back is kept. failures, stale: where changes are
            listed that were not made; there is no file when there are none.
        """
        earlier = earlier_failures(journal)
        letters = DeadLetters(failures, self._letter, job=journal.key, earlier=earlier)
        super().__init__(journal, letters)
        self._client = client
        self._plan = plan
        self._undo = undo
        self._stale = stale
        self._max_deletes = max_deletes
        self._chunk = chunk
        self._counts = plan.counts(client.api_version)
        self._learning: asyncio.Task[SyncRules] | None = None
        self._writer: ChunkWriter | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._hurrying: asyncio.Task[None] | None = None

    def stop(self, *, grace: float = 3.0) -> None:
        """Begin no more chunks, and wait ``grace`` seconds at most for the one that is out."""
        if not self.stopping:
            self.stopping = True
            self._timer = asyncio.get_running_loop().call_later(grace, self._hurry)

    def progress(self) -> ApplyProgress:
        """How far it is now."""
        counters, count = self._client.counters, self._mark.counts.get
        return ApplyProgress(
            total=self._counts.changes,
            done=self._mark.items,
            before=self._before,
            created=count("created", 0),
            relabelled=count("relabelled", 0),
            archived=count("archived", 0),
            unchanged=count("unchanged", 0),
            stale=count("stale", 0),
            failed=count("failed", 0),
            requests=counters.requests,
            retries=counters.retries,
            rate_limited=counters.rate_limited,
            quota_share=self._client.quota_share,
            seconds=self._elapsed(),
        )

    async def _work(self) -> None:
        """Apply what is left of the plan, unless it removes too much."""
        if self._max_deletes is not None:
            self._max_deletes.check(self._counts.archive, self._plan.info.there)
        with open_undo(self._undo, self._plan, new=self._journal.state == "new") as undo:
            self._journal.set_state("running")
            await self._apply(undo)

    async def _finish(self) -> None:
        """Write down what was stale, and what failed."""
        self._list_stale()
        await super()._finish()

    async def _apply(self, undo: Plan) -> None:
        """Work off the chunks that the journal does not have."""
        info = self._plan.info
        ends = info.from_object_type, info.to_object_type
        rules = await self._learned(*ends)
        if rules is None:
            return
        self._writer = writer = ChunkWriter(self._client, ends, rules, undo)
        self._letters.resume(self._mark.positions.get(_FAILURES, 0))
        self._forget_stale()
        try:
            while not self.stopping:
                chunk = self._plan.chunk(self._place(), self._chunk)
                if not chunk:
                    return
                outcome = await writer.apply(chunk)
                self._commit(chunk, outcome)
        except HubAssocError:
            if not self.stopping:
                raise
        finally:
            if self._timer is not None:
                self._timer.cancel()
            if self._hurrying is not None:
                await self._hurrying

    async def _learned(self, from_object_type: str, to_object_type: str) -> SyncRules | None:
        """Ask what types mean; None when told to stop meanwhile."""

        async def learn() -> SyncRules:
            return SyncRules(await self._client.label_types(from_object_type, to_object_type))

        self._learning = asyncio.create_task(learn())
        try:
            return await self._learning
        except asyncio.CancelledError:
            if self.stopping:
                return None
            self._learning.cancel()
            raise

    def _place(self) -> tuple[str, str] | None:
        """Give the last pair that is done."""
        place = self._mark.positions.get(_PLAN)
        return None if place is None else (place[0], place[1])

    def _commit(self, chunk: list[EdgeChange], outcome: ChunkOutcome) -> None:
        """Make durable what became of a chunk. Nothing is out: it may as well block."""
        names = self._mark.counts | outcome.counts
        counts = {
            name: self._mark.counts.get(name, 0) + outcome.counts.get(name, 0) for name in names
        }
        mark = Mark(items=self._mark.items + len(chunk), counts=counts)
        mark.positions[_FAILURES] = self._letters.write(outcome.failures)
        mark.positions[_PLAN] = [chunk[-1].from_object_id, chunk[-1].to_object_id]
        if outcome.stale:
            with self._journal.transaction() as connection:
                connection.executemany(
                    "INSERT INTO stale VALUES (?, ?, ?)",
                    (
                        (id_key(one.from_object_id), id_key(one.to_object_id), _line(one))
                        for one in outcome.stale
                    ),
                )
        self._journal.commit(mark)
        self._mark = mark

    def _letter(self, failure: Failure) -> DeadLetter:
        """Make the line of a failure: of a write, or of a record that could not be read again."""
        assert self._writer is not None
        pair = failure.from_object_id, failure.to_object_id or ""
        info = self._plan.info
        origin = Origin(
            operation=self._writer.operations.get(pair, "read"),
            from_object_type=info.from_object_type,
            to_object_type=info.to_object_type,
            api_version=self._client.api_version.name,
        )
        return origin.letter(failure)

    def _forget_stale(self) -> None:
        """Forget what a chunk noted that the journal does not have."""
        place = self._place()
        with self._journal.transaction() as connection:
            connection.execute(_STALE)
            if place is None:
                connection.execute("DELETE FROM stale")
            else:
                connection.execute(
                    "DELETE FROM stale WHERE (from_id, to_id) > (?, ?)", (*map(id_key, place),)
                )

    def _list_stale(self) -> None:
        """Write down the pairs that were left alone, if there are any."""
        found = self._journal.connection.execute("SELECT line FROM stale ORDER BY rowid")
        file: NewFile | None = None
        while lines := found.fetchmany(_LINES):
            file = file or NewFile(self._stale)
            file.file.writelines(line for (line,) in lines)
        if file is not None:
            file.commit()

    def _hurry(self) -> None:
        """Wait no longer for what is out."""
        if self._learning is not None:
            self._learning.cancel()
        if self._writer is not None:
            self._hurrying = asyncio.get_running_loop().create_task(self._writer.hurry())


def _line(stale: object) -> bytes:
    return msgspec.json.encode(stale) + b"\n"
