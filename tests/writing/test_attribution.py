"""Writes against the portal: whatever goes wrong, each link comes out once, the state is right."""

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from hubassoc_async.model import Failure
from tests.writing import worlds
from tests.writing.peer import Drive, pair_of, state, writing
from tests.writing.worlds import IMPOSSIBLE, Given, Spoiler

seeds = st.integers(0, 2**32).map(Random)
ways = st.fixed_dictionaries(
    {
        "bad_type": st.sampled_from(("canceled", "item", "request")),
        "object_ids": st.sampled_from(("integer", "string")),
        "result_order": st.sampled_from(("reversed", "asked", "shuffled")),
        "default_results": st.sampled_from(("both", "one")),
        "dated_archive": st.sampled_from(("batch", "empty")),
        "page_size": st.integers(1, 5),
    }
)


@settings(max_examples=150, deadline=None)
@given(
    wanted=worlds.links,
    before=worlds.before,
    how=ways,
    random=seeds,
    append=st.booleans(),
    impossible=st.integers(0, 4),
    size=st.integers(1, 20),
    concurrency=st.integers(1, 4),
    faults=st.integers(0, 6),
)
def test_each_link_comes_out_once_and_the_portal_is_as_the_model(
    wanted: list[Given],
    before: list[Given],
    how: dict[str, object],
    random: Random,
    append: bool,
    impossible: int,
    size: int,
    concurrency: int,
    faults: int,
) -> None:
    """Missing objects, impossible types, repeats, lost answers: a link fails by its own fault."""
    portal = worlds.portal(**how)
    worlds.state_before(portal, before)  # type: ignore[arg-type]
    types = worlds.stale(portal)
    spoilt = [
        (c, k, (*t, IMPOSSIBLE)) if i < impossible else (c, k, t)
        for i, (c, k, t) in enumerate(wanted)
    ]
    random.shuffle(spoilt)
    world = state(portal)
    model, statuses = worlds.expected(world, types, spoilt, append=append)
    exchange = writing(types=types, labels="append" if append else "replace")
    exchange._write.packer.size = size
    drive = Drive(
        exchange,
        portal,
        spoilt,
        concurrency=concurrency,
        random=random,
        spoil=Spoiler(random, faults),
        attempts=20,
    ).run()
    assert drive.stopped is None
    assert drive.statuses() == statuses
    assert state(portal) == model
    for failure in drive.failures:
        assert failure.message
        assert failure.association_types


@settings(max_examples=100, deadline=None)
@given(
    wanted=worlds.links,
    before=worlds.before,
    how=ways,
    random=seeds,
    version=st.sampled_from(("v4", "2025-09", "2026-03", "2026-09")),
    operation=st.sampled_from(("create_default", "archive", "archive_labels")),
    faults=st.integers(0, 6),
)
def test_default_and_archives_leave_the_portal_as_the_model(
    wanted: list[Given],
    before: list[Given],
    how: dict[str, object],
    random: Random,
    version: str,
    operation: str,
    faults: int,
) -> None:
    """The same for create default, archive and archive of labels, in every version with labels."""
    portal = worlds.portal(**how)
    worlds.state_before(portal, before)  # type: ignore[arg-type]
    types = worlds.definitions(portal)
    model = state(portal)
    for contact, company, given_types in wanted:
        pair, had = (contact, company), model.get((contact, company))
        if operation == "create_default":
            if contact in worlds.CONTACTS and company in worlds.COMPANIES:
                model[pair] = (had or frozenset()) | {worlds.PLAIN}
        elif had is not None:
            removed = worlds.keys_of(types, given_types)
            if operation == "archive" or worlds.PLAIN in removed:
                del model[pair]
            else:
                model[pair] = had - removed
    links = wanted if operation == "archive_labels" else [link[:2] for link in wanted]
    drive = Drive(
        writing(operation, version=version, types=types, remove_all_labels=True),  # type: ignore[arg-type]
        portal,
        links,
        concurrency=3,
        random=random,
        spoil=Spoiler(random, faults),
        attempts=20,
    ).run()
    assert drive.stopped is None
    assert drive.statuses().keys() == {(str(link[0]), str(link[1])) for link in wanted}
    assert state(portal) == model
    failed = {pair_of(failure) for failure in drive.failures}
    missing = {
        (str(c), str(k))
        for c, k, _ in wanted
        if c in worlds.MISSING_CONTACTS or k in worlds.MISSING_COMPANIES
    }
    assert failed == (missing if operation == "create_default" else set())


@settings(max_examples=100, deadline=None)
@given(
    wanted=worlds.links,
    random=seeds,
    size=st.integers(1, 6),
    concurrency=st.integers(1, 4),
    chunk=st.integers(1, 5),
    eager=st.booleans(),
    lazy=st.sampled_from((0.0, 0.9)),
)
def test_changes_to_one_pair_keep_their_order_in_a_stream(
    wanted: list[Given],
    random: Random,
    size: int,
    concurrency: int,
    chunk: int,
    eager: bool,
    lazy: float,
) -> None:
    """However far apart they stand, links of a pair add up, and no pair is in flight twice."""
    portal = worlds.portal(page_size=2)
    types = worlds.definitions(portal)
    model, _ = worlds.expected({}, types, wanted, append=False)
    exchange = writing(types=types, gather=False)
    exchange._write.packer.size = size
    drive = Drive(
        exchange,
        portal,
        wanted,
        concurrency=concurrency,
        random=random,
        eager=eager,
        most_at_a_time=chunk,
        lazy=lazy,
    ).run()
    assert drive.stopped is None
    assert state(portal) == model
    assert exchange.taken == len(drive.outcomes)
    covered: dict[tuple[str, str], set[int | None]] = {}
    for outcome in drive.outcomes:
        types_out = covered.setdefault(pair_of(outcome), set())
        types_out.update(one.type_id for one in outcome.association_types)
    for contact, company, asked in wanted:
        keys = {abs(key) for key in worlds.keys_of(types, asked)}
        assert keys <= covered[str(contact), str(company)]
    for outcome in drive.outcomes:
        there = int(outcome.from_object_id) in worlds.CONTACTS
        there = there and int(outcome.to_object_id or 0) in worlds.COMPANIES
        assert isinstance(outcome, Failure) is not there
