"""The ids of a file: each once, in the order of the file, from the first that is not done."""

import asyncio
import tracemalloc
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hubassoc_async.jobs import SourceError, file_ids
from hubassoc_async.jobs.file_ids import FileIds
from hubassoc_async.protocol.ids import object_id
from tests.jobs.test_reading import Listed

ODD = st.sampled_from(
    ["x", "", "007", " 7 ", "7", "0", "00", "-1", str(2**63), str(2**63 - 1), "²"]
)
RUNS = st.lists(
    st.lists(st.integers(0, 60).map(str) | ODD, max_size=30)
    | st.integers(0, 2**63 - 40).map(lambda first: [str(first + one) for one in range(40)])
    | st.integers(0, 90).map(lambda first: [str(first + one) for one in range(30)]),
    max_size=8,
).map(lambda runs: [one for run in runs for one in run])
"""In ascending order, in none, with repeats near and far, and with what is no id."""


async def taken(ids: FileIds, most: int) -> list[str]:
    """All that it gives."""
    given: list[str] = []
    while some := await ids.take(most):
        assert len(some) <= most
        given += some
    assert ids.total() == (ids.total()[0], True)
    return given


@settings(deadline=None)
@given(
    texts=RUNS, sizes=st.tuples(*3 * [st.integers(1, 20)]), most=st.integers(1, 50), data=st.data()
)
def test_each_id_once_and_in_order(
    texts: list[str], sizes: tuple[int, int, int], most: int, data: st.DataObject
) -> None:
    """However it is cut into reads, blocks and passes, and wherever it goes on."""
    expected = [*dict.fromkeys(object_id(one) or one for one in texts)]
    done = data.draw(st.integers(0, len(expected)))
    with pytest.MonkeyPatch.context() as patch:
        for name, size in zip(("_READ", "_BLOCK", "_PASS"), sizes, strict=True):
            patch.setattr(file_ids, name, size)
        ids = FileIds(Listed(texts), done)
        assert asyncio.run(taken(ids, most)) == expected[done:]
    assert ids.total() == (len(expected), True)
    assert ids.error is None


def test_what_came_before_a_source_breaks_off_is_given() -> None:
    """And then why it broke off."""
    ids = FileIds(Listed(["3", "1", "3", "2"], breaks=True), 1)
    assert asyncio.run(taken(ids, 10)) == ["1", "2"]
    assert isinstance(ids.error, SourceError)


def test_closed_it_gives_no_more() -> None:
    """Not even what it has read."""
    ids = FileIds(Listed(["3", "1", "2"]), 0)
    assert asyncio.run(ids.take(1)) == ["3"]
    ids.close()
    assert not asyncio.run(ids.take(1))


@pytest.mark.parametrize("shuffled", [False, True])
def test_it_holds_8_bytes_an_id_and_one_block(
    shuffled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a file of any length."""
    monkeypatch.setattr(file_ids, "_READ", 500)
    monkeypatch.setattr(file_ids, "_BLOCK", 2_000)
    monkeypatch.setattr(file_ids, "_PASS", 2_000)
    numbers = [10**11 + number for number in range(60_000)]
    if shuffled:
        Random(1).shuffle(numbers)
    source = Listed([str(one) for one in numbers])

    async def count() -> int:
        ids, given = FileIds(source, 0), 0
        while some := await ids.take(1_000):
            given += len(some)
        return given

    tracemalloc.start()
    assert asyncio.run(count()) == len(numbers)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 9 * len(numbers) + 600_000
