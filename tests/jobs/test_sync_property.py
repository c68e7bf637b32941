"""Any start, any desired, faults, and a process that dies at any instant."""

import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Struct

from hubassoc_async.emulator import Portal
from hubassoc_async.jobs.journal import JournalError
from hubassoc_async.jobs.plan_file import open_plan
from hubassoc_async.jobs.sync_plan import plan_sync
from tests.jobs.sync_worlds import (
    BILLING,
    ENDS,
    IN_MEMORY,
    MAKER,
    PLAIN,
    PRIMARY,
    Crash,
    Fate,
    apply,
    client_of,
    rules_hold,
)
from tests.virtual_time import on_virtual_time
from tests.writing import worlds
from tests.writing.peer import state

CONTACTS, COMPANIES = range(1, 6), range(101, 106)
LABELS = {"primary": PRIMARY, "billing": BILLING, MAKER: None, "Employer": None}

pairs = st.tuples(st.sampled_from(CONTACTS), st.sampled_from(COMPANIES))
starts = st.dictionaries(
    pairs, st.sets(st.sampled_from((PRIMARY, BILLING, MAKER)), max_size=2), max_size=12
)
names = st.sets(st.sampled_from(sorted(LABELS)), min_size=1, max_size=2)
wishes = st.dictionaries(pairs, names | st.just({"default"}) | st.just(set()), max_size=12)


def one_primary(wanted: dict[tuple[int, int], set[str]]) -> dict[tuple[int, int], set[str]]:
    """Leave each contact one primary only: two are refused."""
    seen: set[int] = set()
    kept = {}
    for pair, types in wanted.items():
        if "primary" in types:
            types = types if pair[0] not in seen else types - {"primary"} or {"default"}
            seen.add(pair[0])
        kept[pair] = types
    return kept


def world(start: dict[tuple[int, int], set[object]]) -> Portal:
    portal = worlds.portal()
    worlds.state_before(
        portal, [(*pair, tuple(map(_plain, types))) for pair, types in start.items()]
    )
    return portal


def _plain(label: object) -> int | str:
    return label if isinstance(label, int) else str(label)


def keys(portal: Portal, types: set[str]) -> set[int]:
    """Type ids as the portal has them; ``{0}`` for any labels at all."""
    if not types:
        return {0}
    return set(worlds.keys_of(worlds.definitions(portal), tuple(types))) - {PLAIN}


class Synced(Struct):
    """One portal, and syncs of it."""

    portal: Portal
    desired: list[tuple[int, int, tuple[str, ...]]]
    listed: set[int] | None
    chunk: int
    losses: int
    seed: int

    async def plan(self, path: Path | None = None) -> tuple[int, int, int]:
        """Make a plan, and count what it creates, relabels and archives."""
        how: dict[str, Any] = {}
        if self.listed is not None:
            how = {"scope": "listed", "ids": sorted(self.listed)}
        async with client_of(self.portal) as client:
            with await plan_sync(client, *ENDS, self.desired, path=path, **how) as plan:
                counts = plan.counts(client.api_version)
                return counts.create, counts.relabel, counts.archive

    async def apply(self, path: Path, name: str, deaths: list[int]) -> tuple[int, ...]:
        """Apply a plan, dying at these instants, and count what was made and what there was."""
        for at in (*deaths, None):
            fate = Fate(at)
            network = {"seed": self.seed, "losses": self.losses}
            async with client_of(self.portal, fate, **network) as client:
                with open_plan(path) as plan, fate.ruling():
                    try:
                        done = await apply(client, plan, path.parent, name, chunk=self.chunk)
                    except (Crash, JournalError):
                        assert fate.dead
                        continue
            assert (done.stale, done.failed) == (0, 0)
            return done.created, done.relabelled, done.archived, done.unchanged, done.total
        raise AssertionError


@settings(max_examples=60, deadline=None)
@given(
    start=starts,
    wanted=wishes.map(one_primary),
    listed=st.none() | st.sets(st.sampled_from(CONTACTS)),
    deaths=st.lists(st.integers(0, 30), max_size=3),
    losses=st.integers(0, 4),
    seed=st.integers(0, 999),
    chunk=st.sampled_from((1, 2, 100)),
)
@on_virtual_time
async def test_the_end_is_as_desired_and_the_undo_brings_back_the_start(
    start: dict[tuple[int, int], set[object]],
    wanted: dict[tuple[int, int], set[str]],
    listed: set[int] | None,
    deaths: list[int],
    losses: int,
    seed: int,
    chunk: int,
) -> None:
    """Whatever there was, whatever is wanted and however often the process dies."""
    portal = world(start)
    before = state(portal)
    if listed is not None:
        wanted = {pair: types for pair, types in wanted.items() if pair[0] in listed}
    scope = {pair[0] for pair in wanted} if listed is None else listed
    desired = [(*pair, tuple(types)) for pair, types in wanted.items()]
    synced = Synced(portal, desired, listed, chunk, losses, seed)
    with tempfile.TemporaryDirectory(dir=IN_MEMORY) as folder:
        plan, undo = Path(folder) / "sync.plan", Path(folder) / "job.undo"
        changes = await synced.plan(plan)
        assert state(portal) == before, "planning writes nothing"
        made = await synced.apply(plan, "job", deaths)
        assert made == (*changes, 0, sum(changes))
        rules_hold(before, state(portal), {p: keys(portal, t) for p, t in wanted.items()}, scope)
        after = state(portal)
        assert await synced.plan() == (0, 0, 0)
        assert await synced.apply(plan, "again", []) == (0, 0, 0, sum(changes), sum(changes))
        assert state(portal) == after
        undone = await synced.apply(undo, "undo", deaths[::-1])
        assert sum(undone[:3]) == sum(changes)
        assert state(portal) == before


edits = st.dictionaries(
    pairs, st.none() | st.sets(st.sampled_from((BILLING, MAKER)), max_size=2), max_size=6
)


@settings(max_examples=40, deadline=None)
@given(start=starts, wanted=wishes.map(one_primary), edited=edits)
@on_virtual_time
async def test_what_others_changed_stays_as_they_left_it(
    start: dict[tuple[int, int], set[object]],
    wanted: dict[tuple[int, int], set[str]],
    edited: dict[tuple[int, int], set[object] | None],
) -> None:
    """Of a plan, exactly those edges are written that are still as it found them."""
    portal = world(start)
    desired = [(*pair, tuple(types)) for pair, types in wanted.items()]
    with tempfile.TemporaryDirectory(dir=IN_MEMORY) as folder:
        async with client_of(portal) as client:
            with await plan_sync(client, *ENDS, desired) as plan:
                planned = {(int(one[0]), int(one[1])): one for one in plan.changes()}
                found = state(portal)
                for pair, labels in edited.items():
                    portal.graph.take("contact", pair[0], "company", pair[1])
                    if labels is not None:
                        labelled = (*map(_plain, labels),)
                        portal.associate("contact", pair[0], "company", pair[1], *labelled)
                edited_state = state(portal)
                done = await apply(client, plan, Path(folder))
    after, stale = state(portal), 0
    for pair in {*found, *edited_state, *after, *planned}:
        now, then = edited_state.get(pair), after.get(pair)
        if pair not in planned:
            assert then in (now, (now or frozenset()) - {PRIMARY}), pair
        elif now == found.get(pair):
            want = keys(portal, wanted[pair]) if pair in wanted else None
            assert (then is None) == (want is None), pair
            assert want == {0} or then is None or set(then) - {PLAIN} == want, pair
        else:
            as_wanted = pair in wanted and now is not None and then is not None
            fine = as_wanted and keys(portal, wanted[pair]) in ({0}, set(now or ()) - {PLAIN})
            gone = now is None and pair not in wanted
            stale += not (fine or gone)
            assert (then is None) == (now is None), pair
            assert (then or frozenset()) | {PRIMARY} == (now or frozenset()) | {PRIMARY}, pair
    assert done.stale == stale
    assert done.failed == 0
