"""Lists of edges: sorted, united a pair, compared."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hubassoc_async.jobs.database import DatabaseFile
from hubassoc_async.jobs.edge_compare import (
    RECORD,
    Comparison,
    Row,
    TypeSets,
    same_types,
)
from hubassoc_async.jobs.edges import EdgeStore
from hubassoc_async.model import AssociationType, Link

PLAIN = AssociationType("HUBSPOT_DEFINED", 279)
BILLING = AssociationType("USER_DEFINED", 28, "Billing")
V3_ONLY = AssociationType("UNKNOWN", None, "contact_to_cake")

ids = st.sampled_from(("2", "10", "999999999999", "x", "007", "é", "9" * 25))
types = st.lists(st.sampled_from((PLAIN, BILLING, V3_ONLY, 28, "Billing")), max_size=2).map(tuple)
edges = st.lists(st.tuples(ids, ids | st.none(), types), max_size=30)


def order(one: str) -> tuple[int, int, str]:
    """Sort ids that are numbers as such, before all others."""
    canonical = one.isascii() and one.isdigit() and str(int(one)) == one and len(one) < 19
    return (0, int(one), "") if canonical else (1, 0, one)


def united(given_edges: list[tuple[str, str | None, tuple[object, ...]]]) -> dict[object, set[str]]:
    """What each pair of a list has; for None the records that it knows."""
    found: dict[object, set[str]] = {}
    for from_id, to_id, kinds in given_edges:
        found.setdefault((from_id, to_id), set()).update(map(repr, kinds))
    return found


def store(path: Path | None = None) -> EdgeStore:
    return EdgeStore(DatabaseFile(path))


@settings(deadline=None)
@given(given_edges=edges, page=st.integers(1, 5))
def test_pairs_come_sorted_and_once(
    given_edges: list[tuple[str, str | None, tuple[object, ...]]], page: int
) -> None:
    """Each pair is given once, with all its types, numbers first and as numbers; also in pages."""
    edge_store = store()
    assert edge_store.load("here", given_edges) == len(given_edges)  # type: ignore[arg-type]
    links = list(edge_store.pairs("here"))
    pairs = [(str(link.from_object_id), str(link.to_object_id)) for link in links]
    assert pairs == sorted(pairs, key=lambda pair: (order(pair[0]), order(pair[1])))
    told = {pair: set(map(repr, link.types)) for pair, link in zip(pairs, links, strict=True)}  # type: ignore[arg-type]
    assert told == {key: kinds for key, kinds in united(given_edges).items() if key[1] is not None}  # type: ignore[index]
    rows = list(edge_store._rows(("here",)))
    assert sorted(map(repr, edge_store._rows(("here",), page=page))) == sorted(map(repr, rows))
    assert list(edge_store.records("here")) == sorted({one[0] for one in given_edges}, key=order)


@settings(deadline=None)
@given(given_edges=edges, data=st.data())
def test_pairs_go_on_after_one(
    given_edges: list[tuple[str, str | None, tuple[object, ...]]], data: st.DataObject
) -> None:
    """After any pair, there or not, exactly those come that are behind it."""
    edge_store = store()
    edge_store.load("here", given_edges)  # type: ignore[arg-type]
    after = data.draw(st.tuples(ids, ids))
    at = order(after[0]), order(after[1])
    behind = [
        link
        for link in edge_store.pairs("here")
        if (order(str(link.from_object_id)), order(str(link.to_object_id))) > at
    ]
    assert list(edge_store.pairs("here", after=after)) == behind


@settings(deadline=None)
@given(old=edges, new=edges, whole=st.tuples(st.booleans(), st.booleans()))
def test_changes_lead_from_old_to_new(
    old: list[tuple[str, str | None, tuple[object, ...]]],
    new: list[tuple[str, str | None, tuple[object, ...]]],
    whole: tuple[bool, bool],
) -> None:
    """The changes, made to the old list, give the new one; of a record not known, there is none."""
    edge_store = store()
    edge_store.load("old", old)  # type: ignore[arg-type]
    edge_store.load("new", new)  # type: ignore[arg-type]
    comparison = edge_store.compared("old", "new", whole=whole)
    changes = list(comparison)
    before, after = united(old), united(new)
    known = [
        {one[0] for one in mine if all_known or one[1] is None}
        for mine, all_known in ((old, whole[0]), (new, whole[1]))
    ]
    mentioned = {one[0] for one in (*old, *new)}
    if whole[0]:
        known[0] |= mentioned
    if whole[1]:
        known[1] |= mentioned
    both = known[0] & known[1]
    state = {pair: kinds for pair, kinds in before.items() if pair[1] is not None}  # type: ignore[index]
    for change in changes:
        pair = change.from_object_id, change.to_object_id
        assert (change.before is None) == (pair not in state)
        if change.before is not None:
            assert set(map(repr, change.before)) == state[pair]
        if change.after is None:
            del state[pair]
        else:
            state[pair] = set(map(repr, change.after))
    expected = {
        pair: (after.get(pair) if pair[0] in both else before.get(pair))  # type: ignore[index]
        for pair in {*before, *after}
        if pair[1] is not None  # type: ignore[index]
    }
    assert state == {pair: kinds for pair, kinds in expected.items() if kinds is not None}
    counts = comparison.counts
    kinds = [change.kind for change in changes]
    assert (counts.added, counts.removed, counts.relabelled) == (
        *(kinds.count(kind) for kind in ("added", "removed", "relabelled")),
    )
    assert counts.records == len(both)
    assert counts.only_old == len(known[0] - known[1])
    assert counts.only_new == len(known[1] - known[0])


def test_a_type_is_its_category_and_id() -> None:
    """A label that was renamed, or is not told, is no change; where there is no id, it counts."""
    renamed = AssociationType("USER_DEFINED", 28, "Invoices")
    assert same_types((BILLING, PLAIN), (PLAIN, renamed))
    assert same_types((BILLING,), (AssociationType("USER_DEFINED", 28),))
    assert not same_types((BILLING,), (AssociationType("HUBSPOT_DEFINED", 28),))
    assert not same_types((V3_ONLY,), (AssociationType("UNKNOWN", None, "contact_to_pie"),))


def test_a_label_is_kept_where_one_row_tells_it() -> None:
    """Of two rows of a pair, the one that knows the label's name wins."""
    sets = TypeSets()
    bare = sets.number((AssociationType("USER_DEFINED", 28),))
    assert sets.united((bare, sets.number((BILLING,)))) == (BILLING,)


def test_a_record_without_a_row_is_not_compared() -> None:
    """What one list does not know of is neither added nor removed, and counted."""
    sets = TypeSets()
    rows: list[Row] = [(1, RECORD, 0, 0), (1, 5, 0, 0), (2, RECORD, 1, 0), (2, 5, 1, 0)]
    comparison = Comparison(rows, sets)
    assert list(comparison) == []
    assert (comparison.counts.only_old, comparison.counts.only_new) == (1, 1)


def test_a_load_that_broke_off_is_not_loaded(tmp_path: Path) -> None:
    """A side counts as loaded only at its end, also in another process; then it starts over."""
    path = tmp_path / "edges.sqlite"

    def broken() -> list[Link]:
        raise OSError("the disk is gone")

    first = store(path)
    first.start("here")
    first.add("here", [Link("1", "2", (BILLING,))])
    with pytest.raises(OSError, match="gone"):
        first.add("here", (one for one in broken()))
    second = store(path)
    assert second.loaded("here") is None
    second.load("here", [Link("3", "4", "Billing"), Link(3, 4, [28])])
    assert store(path).loaded("here") == 2
    assert list(store(path).pairs("here")) == [Link("3", "4", ("Billing", 28))]


def test_a_side_is_an_identifier() -> None:
    """What names a table is not taken from anywhere."""
    with pytest.raises(ValueError, match="cannot name a table"):
        store().start("here; DROP TABLE jobs")
