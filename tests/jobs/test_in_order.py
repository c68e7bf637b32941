"""Outcomes put back into order: each once, in the order of the ids, in chunks that do not depend
on when what came."""

from hypothesis import given
from hypothesis import strategies as st

from hubassoc_async.jobs.in_order import InOrder
from hubassoc_async.model import Association, Failure, ObjectAssociations, Outcome

ONE = Association("9", ())
FEW = st.integers(1, 6)


def outcome(number: int, size: int) -> Outcome:
    """Size -1 is a failure."""
    if size < 0:
        return Failure(str(number), "X", "failed")
    return ObjectAssociations(str(number), (ONE,) * size)


OUTCOMES = st.lists(st.integers(-1, 5), max_size=40).map(
    lambda sizes: [outcome(number, size) for number, size in enumerate(sizes)]
)


def chunks(
    outcomes: list[Outcome], arrivals: list[Outcome], ids: int, rows: int, ahead: int
) -> list[list[Outcome]]:
    """Give ids ``ahead`` of what has arrived, and take chunks whenever there are any."""
    order = InOrder(ids, rows)
    out: list[list[Outcome]] = [[]]
    given_ids = iter([one.from_object_id for one in outcomes])
    expected: set[str] = set()
    for one in arrivals:
        while one.from_object_id not in expected:
            some = [object_id for _, object_id in zip(range(ahead), given_ids, strict=False)]
            order.expect(some)
            expected.update(some)
        order.put([one])
        while taken := order.take():
            out[-1] += taken
            if order.whole:
                out.append([])
    assert (order.waiting, order.held) == (0, 0)
    return [chunk for chunk in out if chunk]


@given(st.data(), OUTCOMES, FEW, st.integers(1, 10), FEW)
def test_any_order(
    data: st.DataObject, outcomes: list[Outcome], ids: int, rows: int, ahead: int
) -> None:
    """However they arrive, they come out once, in the order of the ids, in the same chunks."""
    arrivals = data.draw(st.permutations(outcomes))
    cut = chunks(outcomes, list(arrivals), ids, rows, ahead)
    assert [one for chunk in cut for one in chunk] == outcomes
    assert cut == chunks(outcomes, outcomes, ids, rows, 1)
    for chunk in cut[:-1]:
        sizes = [len(one.to) if isinstance(one, ObjectAssociations) else 0 for one in chunk]
        assert len(chunk) == ids or sum(sizes) >= rows
        assert len(chunk) <= ids
        assert sum(sizes[:-1]) < rows


@given(st.data(), OUTCOMES, FEW, st.integers(1, 10))
def test_going_on(data: st.DataObject, outcomes: list[Outcome], ids: int, rows: int) -> None:
    """What begins again at the end of a chunk cuts as if it had never stopped."""
    whole = chunks(outcomes, outcomes, ids, rows, 1)
    done = data.draw(st.integers(0, len(whole)))
    rest = [one for chunk in whole[done:] for one in chunk]
    assert whole[:done] + chunks(rest, rest, ids, rows, 1) == whole


def test_a_gap_holds_everything_behind_it() -> None:
    """Nothing overtakes an id that has no outcome, and what is held is counted."""
    order = InOrder(2, 100)
    order.expect(["1", "2", "3"])
    order.put([outcome(2, 2), outcome(3, 1)])
    assert order.take() == []
    assert (order.waiting, order.held) == (3, 3)
    order.put([outcome(1, 0)])
    taken = [*order.take(), *order.take()]
    assert (taken, order.whole) == ([outcome(1, 0), outcome(2, 2)], True)
    assert (order.take(), order.whole) == ([outcome(3, 1)], False)
    assert (order.waiting, order.held) == (0, 0)
