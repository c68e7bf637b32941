"""Ids, object types, and the compact set of ids."""

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubassoc_async.errors import UsageError
from hubassoc_async.protocol.ids import IdSet, check_object_type, object_id

SPELLINGS = st.integers(0, 2**63 - 1).map(str) | st.text(max_size=5) | st.text("01", max_size=4)


@given(st.lists(SPELLINGS, max_size=300))
def test_an_id_set_is_a_set(texts: list[str]) -> None:
    """``add`` is true exactly for what is new."""
    mine, plain = IdSet(), set[str]()
    for text in texts:
        assert mine.add(text) is (text not in plain)
        plain.add(text)
    assert len(mine) == len(plain)


@pytest.mark.parametrize("step", [1, 1024, 999_983])
def test_an_id_set_takes_at_most_24_bytes_an_id(step: int) -> None:
    """At its peak, while it grows, whatever the ids have in common."""
    count = 200_000
    tracemalloc.start()
    ids = IdSet()
    for number in range(count):
        ids.add(str(10**11 + step * number))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(ids) == count
    assert peak / count <= 24


@given(st.integers(0, 2**63 - 1))
def test_an_int_and_its_text_are_the_same_id(number: int) -> None:
    """Blanks around it do not matter."""
    assert object_id(number) == object_id(f" {number}\n") == str(number)


NO_IDS: list[object] = ["", "x", "1.0", "-1", "+1", "01", "1e3", "²", "٣", "9" * 5_000, 10**5_000]
NO_IDS += [2**63, -1, 1.0, None, True]


@pytest.mark.parametrize("place", range(len(NO_IDS)))  # Python has no name for 10**5_000
def test_what_hubspot_cannot_mean_is_no_id(place: int) -> None:
    """None of these is sent."""
    assert object_id(NO_IDS[place]) is None


def test_an_object_type_is_checked_before_it_stands_in_a_path() -> None:
    """Names and ids pass; whatever could lead the path elsewhere does not."""
    for good in ("contacts", "0-1", "2-12345", "p123_cars", "CONTACT"):
        assert check_object_type(good) == good
    for bad in ("", "a/b", "..", "a b", "contacts?x", "é", "a%2fb", "x" * 200, None, 5):
        with pytest.raises(UsageError, match="object type"):
            check_object_type(bad)  # type: ignore[arg-type]
