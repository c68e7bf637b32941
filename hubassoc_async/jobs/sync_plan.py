"""Makes the plan of a sync: what is desired, beside what is read to be there.

Knows: the client, edges, the rules of a sync. Does not know: files of edges, how a plan is applied.
"""

import asyncio
from collections.abc import AsyncIterable, Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Final, Literal, TypeVar

import msgspec
from msgspec import Struct

from hubassoc_async.client import AssociationsClient
from hubassoc_async.errors import UsageError
from hubassoc_async.jobs.database import DatabaseFile
from hubassoc_async.jobs.edge_compare import RECORD, EdgeChange
from hubassoc_async.jobs.edges import EdgeGiven, EdgeStore
from hubassoc_async.jobs.plan_file import (
    Plan,
    check_place,
    hidden,
    new_info,
    open_plan,
    take_name,
)
from hubassoc_async.jobs.primaries import settle_primaries
from hubassoc_async.jobs.sync_rules import SyncRules
from hubassoc_async.model import Failure, LinkGiven, ObjectAssociations, TypesGiven

T = TypeVar("T")

Scope = Literal["from", "listed"]
DesiredGiven = EdgeGiven | LinkGiven

_QUOTED: Final = 10  # mistakes that an error names
_PART: Final = 20_000  # rows between two chances of the event loop
_THERE, _DESIRED = "there", "desired"


class PlanProgress(Struct):
    """How far the making of a plan is; live."""

    records: int | None = None
    """From-records in scope; None until all are known."""
    read: int = 0
    failed: int = 0
    associations: int = 0


async def plan_sync(
    client: AssociationsClient,
    from_object_type: str,
    to_object_type: str,
    desired: Iterable[DesiredGiven],
    *,
    scope: Scope = "from",
    ids: Iterable[str | int] | AsyncIterable[str | int] | None = None,
    path: Path | None = None,
    described: str = "",
    on_failures: Callable[[Sequence[Failure]], None] = lambda failures: None,
    progress: PlanProgress | None = None,
) -> Plan:
    """Plan what makes the associations of the records in scope the desired ones; writes nothing.

    desired: links, as for ``create``; without types: associated, whatever the labels. A to-id of
        None names a record that is in scope without any.
    scope: ``from``: the from-records that ``desired`` names; ``listed``: those of ``ids``.
    path: where the plan is kept, in the place of one that is there; None: it is gone when closed.
    described: what is desired, in words, for the plan.
    on_failures: takes records that cannot be read: nothing is planned for them.

    More than memory holds goes to temporary files. The plan is to be closed.

    Raises ``UsageError`` for what cannot be desired, naming the rows, for a path where something
    else is, and what stops a read.
    """
    if path is not None:
        check_place(path)
    planner = _Planner(client, from_object_type, to_object_type, progress or PlanProgress())
    with DatabaseFile(None) as scratch:
        store = EdgeStore(scratch)
        await planner.load(store, desired, scope, ids)
        await planner.read(store, on_failures)
        return await planner.write(store, path, described)


class _Planner:
    """The steps of one plan."""

    def __init__(
        self,
        client: AssociationsClient,
        from_object_type: str,
        to_object_type: str,
        progress: PlanProgress,
    ) -> None:
        if not client.api_version.labels:
            raise UsageError(
                f"{client.api_version.name} does not show all associations: sync with v4 or later"
            )
        self._client = client
        self._ends = from_object_type, to_object_type
        self._progress = progress
        self._mistakes: list[str] = []
        self._wrong = 0

    async def load(
        self,
        store: EdgeStore,
        desired: Iterable[DesiredGiven],
        scope: Scope,
        ids: Iterable[str | int] | AsyncIterable[str | int] | None,
    ) -> None:
        """Take in what is desired, and of which records."""
        if (scope == "listed") != (ids is not None):
            raise UsageError("scope 'listed' needs the ids of its records, and no other takes any")
        self._rules = SyncRules(await self._client.label_types(*self._ends))
        store.start(_DESIRED)
        if isinstance(ids, AsyncIterable):
            some: list[str | int] = []
            async for object_id in ids:
                some.append(object_id)
                if len(some) == _PART:
                    store.add(_DESIRED, self._listed(some))
                    some.clear()
            store.add(_DESIRED, self._listed(some))
        elif ids is not None:
            await _in_parts(self._listed(ids), lambda some: store.add(_DESIRED, some))
        edges = self._edges(desired, named=scope == "from")
        await _in_parts(edges, lambda some: store.add(_DESIRED, some))
        store.finish(_DESIRED)
        if scope == "listed":
            self._check_scope(store)
        if self._wrong:
            more = f" and {self._wrong - _QUOTED:,} more" if self._wrong > _QUOTED else ""
            raise UsageError(
                f"{self._wrong:,} of what is desired cannot be: {'; '.join(self._mistakes)}{more}"
            )
        self._progress.records = sum(1 for _ in store.records(_DESIRED))

    async def read(
        self, store: EdgeStore, on_failures: Callable[[Sequence[Failure]], None]
    ) -> None:
        """Read what is there."""
        store.start(_THERE)
        stream = self._client.stream_read(*self._ends, store.records(_DESIRED))
        async with stream:
            async for batch in stream.batches():
                failures = [one for one in batch if isinstance(one, Failure)]
                if failures:
                    on_failures(failures)
                store.add(_THERE, self._found(batch))
                self._progress.failed += len(failures)
        store.finish(_THERE)

    async def write(self, store: EdgeStore, path: Path | None, described: str) -> Plan:
        """Compare, and put the plan in its place."""
        if self._rules.same_type:  # to archive the way back would archive what is desired
            store.add_ways_back(_DESIRED, of=_THERE)
        settle_primaries(store, self._rules, there=_THERE, desired=_DESIRED)
        part = None if path is None else hidden(path)
        comparison = store.compared(_THERE, _DESIRED, same=self._rules.satisfied)
        info = new_info("sync", *self._ends, described)
        info.base_url = self._client.base_url
        plan = Plan.create(part, info)
        try:
            await _in_parts(map(self._planned, comparison), plan.add)
            counts = comparison.counts
            plan.describe(
                msgspec.structs.replace(
                    plan.info,
                    records=counts.records,
                    there=counts.unchanged + counts.relabelled + counts.removed,
                    unread=counts.only_new,
                    unchanged=counts.unchanged,
                )
            )
        except BaseException:
            plan.close()
            if part is not None:
                part.unlink(missing_ok=True)
            raise
        if part is None or path is None:
            return plan
        plan.close()
        take_name(part, path)
        return open_plan(path)

    def _planned(self, change: EdgeChange) -> EdgeChange:
        """Say all types that the pair will have; none where any will do."""
        return change._replace(after=self._rules.whole(change.after)) if change.after else change

    def _listed(self, ids: Iterable[str | int]) -> Iterator[EdgeGiven]:
        for number, given in enumerate(ids, 1):
            try:
                yield self._rules.record(given), None, ()
            except UsageError as mistake:
                self._mistake(f"id {number}: {mistake}")

    def _edges(self, desired: Iterable[DesiredGiven], *, named: bool) -> Iterator[EdgeGiven]:
        """Give what is desired, checked; ``named``: these are the records in scope."""
        last = None
        for number, given in enumerate(desired, 1):
            types: TypesGiven = given[2] if len(given) > 2 else ()
            row = (given[3] if len(given) > 3 else None) or number
            try:
                if given[1] is None:
                    edge: EdgeGiven = (self._rules.record(given[0]), None, ())
                else:
                    edge = (*self._rules.pair(given[0], given[1]), self._rules.resolve(types))
            except UsageError as mistake:
                self._mistake(f"row {row}: {mistake}")
                continue
            if named and edge[0] != last:
                last = edge[0]
                yield last, None, ()
            if edge[1] is not None:
                yield edge

    def _found(self, batch: Sequence[ObjectAssociations | Failure]) -> Iterator[EdgeGiven]:
        progress = self._progress
        for one in batch:
            if isinstance(one, ObjectAssociations):
                progress.read += 1
                progress.associations += len(one.to)
                yield one.from_object_id, None, ()
                for to in one.to:
                    yield one.from_object_id, to.to_object_id, to.association_types

    def _check_scope(self, store: EdgeStore) -> None:
        """Note desired edges of records that are not listed."""
        table = store.table(_DESIRED)
        outside = (
            f"FROM {table} AS d WHERE to_id <> {RECORD} AND NOT EXISTS (SELECT 1 FROM {table} AS r"  # noqa: S608
            f" WHERE r.from_id = d.from_id AND r.to_id = {RECORD})"
        )
        for from_id, to_id in store.query(f"SELECT from_id, to_id {outside} LIMIT {_QUOTED}"):
            self._mistake(f"{from_id} to {to_id} is outside the scope: {from_id} is not listed")
        if self._wrong:
            ((outside_count,),) = store.query(f"SELECT count(*) {outside}")
            self._wrong += outside_count - min(outside_count, _QUOTED)

    def _mistake(self, text: str) -> None:
        self._wrong += 1
        if len(self._mistakes) < _QUOTED:
            self._mistakes.append(text)


async def _in_parts(items: Iterable[T], take: Callable[[list[T]], None]) -> None:
    """Hand items over some at a time, and let others run in between: signals, say."""
    given = iter(items)
    while some := list(islice(given, _PART)):
        take(some)
        await asyncio.sleep(0)
