"""Ids, object types, and the compact set of ids."""

import tracemalloc
from array import array
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubassoc_async.errors import UsageError
from hubassoc_async.protocol.ids import IdSet, check_object_type, object_id, object_ids

SPELLINGS = st.integers(0, 2**63 - 1).map(str) | st.text(max_size=5) | st.text("01", max_size=4)


BATCHES = st.lists(
    st.lists(SPELLINGS, max_size=50)
    | st.lists(st.integers(0, 500), max_size=50).map(lambda ids: [str(one) for one in sorted(ids)])
    | st.integers(0, 2**63 - 50).map(lambda first: [str(first + one) for one in range(50)])
    | st.lists(st.integers(100, 999), max_size=9).map(lambda ids: [str(one) for one in sorted(ids)])
    | st.integers(10**17, 10**17 + 99).map(lambda first: [str(first + one) for one in range(99)]),
    max_size=12,
)
"""Some in ascending order, as most files have them, some not; repeats within and between."""


@given(BATCHES)
def test_an_id_set_is_a_set(batches: list[list[str]]) -> None:
    """``new`` gives exactly what is new, once and in order, and all of it is then in."""
    mine, plain = IdSet(), dict[str, None]()
    for texts in batches:
        expected = [text for text in dict.fromkeys(texts) if text not in plain]
        assert all((text in mine) is (text in plain) for text in texts)
        assert mine.new(texts) == expected
        plain.update(dict.fromkeys(texts))
        assert all(text in mine for text in plain)
    assert len(mine) == len(plain)


@given(st.lists(SPELLINGS, max_size=300))
def test_one_text_at_a_time_is_the_same(texts: list[str]) -> None:
    """``add`` is true exactly for what is new."""
    mine, plain = IdSet(), set[str]()
    for text in texts:
        assert mine.add(text) is (text not in plain)
        plain.add(text)
    assert len(mine) == len(plain)


def test_a_very_long_text_is_a_text() -> None:
    """Longer than Python makes a number of."""
    ids = IdSet()
    for text in ("1", "9" * 5_000, "9" * 5_001, "9" * 5_000, "1"):
        ids.add(text)
    assert len(ids) == 3
    assert "9" * 5_001 in ids


@pytest.mark.parametrize("order", ["ascending", "shuffled", "half", "all but one"])
@pytest.mark.parametrize(
    ("first", "step"),
    [(10**11, 1), (10**11, 1024), (10**11, 999_983), (10**17, 1)],
)
def test_an_id_set_takes_at_most_24_bytes_an_id(first: int, step: int, order: str) -> None:
    """At its peak, while it grows, whatever the ids have in common and however they come."""
    count = 50_000
    numbers = array("q", (first + step * number for number in range(count)))
    if order == "all but one":
        numbers = numbers[1:] + numbers[:1]
    elif order != "ascending":
        rest = numbers[count // 2 :] if order == "half" else numbers
        Random(1).shuffle(rest)
        numbers = numbers[: count - len(rest)] + rest
    tracemalloc.start()
    ids = IdSet()
    for start in range(0, count, 500):
        ids.new([str(number) for number in numbers[start : start + 500]])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(ids) == count
    assert peak / count <= 24


def test_the_first_id_out_of_order_costs_what_any_id_does() -> None:
    """However many came in order before it, nothing is made of them all: 0.25 s a million."""

    ids = IdSet()
    for start in range(0, 50_000, 500):
        ids.new([str(10**17 + number) for number in range(start, start + 500)])
    tracemalloc.start()
    assert ids.new(["7", str(10**17 + 40_000), "8"]) == ["7", "8"]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20_000


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


@given(st.lists(SPELLINGS | st.integers(-1, 50) | st.sampled_from(["", " 7", "1,2", "٣", "0"])))
def test_many_ids_at_once_are_sorted_as_each_alone(values: list[object]) -> None:
    """What is an id comes out as HubSpot spells it, what is none as it was given, each once."""
    alone = [object_id(value) for value in values]
    known, strange = map(list, object_ids(values))
    assert known == [*dict.fromkeys(one for one in alone if one is not None)]
    odd = (str(value) for value, one in zip(values, alone, strict=True) if one is None)
    assert strange == [*dict.fromkeys(odd)]


@given(st.lists(st.integers(1, 10**18 - 1).map(str)), st.none() | SPELLINGS)
def test_plain_ids_with_at_most_one_odd_one_among_them(ids: list[str], odd: str | None) -> None:
    """The passes that find all of them plain are not fooled by one that is not."""
    values = [*ids] if odd is None else [*ids, odd, *ids]
    known, strange = map(list, object_ids(values))
    assert strange == [one for one in [odd] if one is not None and object_id(one) is None]
    assert known == [*dict.fromkeys(map(object_id, filter(object_id, values)))]
