"""Bodies: what is taken, and that garbage is a ``ProtocolError`` that says what and where."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.steps import at_once
from hubassoc_async.errors import ProtocolError
from hubassoc_async.model import (
    Association,
    AssociationType,
    ObjectAssociations,
    PackedAssociations,
)
from hubassoc_async.protocol.associations import unpacked
from hubassoc_async.protocol.published import published_types
from hubassoc_async.protocol.v3_names import v3_association_type
from hubassoc_async.protocol.wire import encode_read, read_codec

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
GOOD: dict[str, Any] = {
    "status": "COMPLETE",
    "results": [
        {
            "from": {"id": "1"},
            "to": [
                {
                    "toObjectId": 2,
                    "associationTypes": [
                        {"category": "HUBSPOT_DEFINED", "typeId": 279, "label": None}
                    ],
                }
            ],
            "paging": {"next": {"after": "MC0yLTc1MDI%3D", "link": "https://evil.example"}},
        }
    ],
    "errors": [{"category": "C", "subCategory": "s", "context": {"fromObjectId": ["3"]}}],
}


def paths(value: Any, here: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    found = [here]
    for key, one in inner if isinstance(value, dict | list) else ():
        found += paths(one, (*here, key)) if isinstance(one, dict | list) else [(*here, key)]
    return found


def replaced(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    copy = value.copy()
    copy[path[0]] = replaced(value[path[0]], path[1:], new)
    return copy


@settings(max_examples=300, deadline=None)
@given(path=st.sampled_from(paths(GOOD)), new=JSON, shape=st.sampled_from(["v3", "v4"]))
def test_any_value_anywhere_gives_an_answer_or_a_protocol_error(
    path: tuple[Any, ...], new: Any, shape: Any
) -> None:
    """Nothing that JSON can hold, in any place, raises anything else."""
    body = json.dumps(replaced(GOOD, path, new)).encode()
    try:
        answer = at_once(read_codec(shape).decode_batch(body))
    except ProtocolError:
        return
    assert all(isinstance(page.object_id, str) for page in answer.pages)


@settings(max_examples=300, deadline=None)
@given(
    body=st.binary(max_size=60) | st.integers(0, 400).map(lambda n: json.dumps(GOOD)[:n].encode())
)
def test_any_bytes_give_an_answer_or_a_protocol_error(body: bytes) -> None:
    """Truncated and undecodable bodies say that they are not JSON."""
    with suppress(ProtocolError):
        at_once(read_codec("v4").decode_batch(body))
    with suppress(ProtocolError):
        read_codec("v3").decode_list("1", body)


def test_a_deeply_nested_body_is_a_protocol_error() -> None:
    """A body made to exhaust the stack does not."""
    body = b'{"status": "COMPLETE", "results": [], "x": ' + b"[" * 100_000
    with pytest.raises(ProtocolError):
        at_once(read_codec("v4").decode_batch(body))


def test_the_error_says_where_the_format_is_broken() -> None:
    """With the path to the value, as a person would look for it."""
    body = json.dumps(replaced(GOOD, ("results", 0, "to", 0, "toObjectId"), None)).encode()
    with pytest.raises(ProtocolError, match=r"\$\.results\[0\]\.to\[0\]\.toObjectId"):
        at_once(read_codec("v4").decode_batch(body))


def test_unknown_fields_and_categories_pass_through() -> None:
    """What HubSpot adds tomorrow does not break today's client."""
    kinds = [{"category": "NEW_KIND", "typeId": 7, "label": "x", "colour": "red"}]
    body = replaced(GOOD, ("results", 0, "to", 0, "associationTypes"), kinds) | {"extra": [1]}
    (page,) = at_once(read_codec("v4").decode_batch(json.dumps(body).encode())).pages
    assert page.to == (Association("2", (AssociationType("NEW_KIND", 7, "x"),)),)
    assert page.after == "MC0yLTc1MDI%3D"


def test_equal_association_types_are_one_tuple() -> None:
    """However many associations have them, and over many answers."""
    codec = read_codec("v4")
    answers = [at_once(codec.decode_batch(json.dumps(GOOD).encode())) for _ in range(3)]
    pages = [page for answer in answers for page in answer.pages]
    assert len({id(page.to[0].association_types) for page in pages}) == 1


def _label(kind: int) -> str:
    return '"]},' + str(kind)


def _typed(kind: int) -> list[dict[str, Any]]:
    return [{"category": "USER_DEFINED", "typeId": 7, "label": _label(kind)}]


@settings(max_examples=200, deadline=None)
@given(
    data=st.lists(
        st.lists(st.tuples(st.integers(1, 9) | st.just("7"), st.integers(0, 40)), max_size=4),
        max_size=30,
    ),
    pages=st.integers(1, 3),
    packed=st.booleans(),
)
def test_every_association_keeps_its_own_types(
    data: list[list[tuple[int | str, int]]], pages: int, packed: bool
) -> None:
    """Few types or many, in new answers or old, once or twice for a record, ints or texts."""
    codec = read_codec("v4", packed=packed)
    results = [
        {
            "from": {"id": str(number)},
            "to": [{"toObjectId": to_id, "associationTypes": _typed(kind)} for to_id, kind in to],
        }
        for number, to in enumerate(data)
    ]
    for _ in range(pages):
        body = json.dumps({"status": "COMPLETE", "results": results}).encode()
        whole = at_once(codec.decode_batch(body)).whole
        found = {one.from_object_id: unpacked(one) for one in whole}
        assert all(len(one.to) == len(unpacked(one)) for one in whole)
        for number, to in enumerate(data):
            expected: dict[str, dict[str, None]] = {}
            for to_id, kind in to:
                expected.setdefault(str(to_id), {})[_label(kind)] = None
            assert {
                one.to_object_id: [each.label for each in one.association_types]
                for one in found[str(number)]
            } == {to_id: list(labels) for to_id, labels in expected.items()}
        results.reverse()


@pytest.mark.parametrize(
    ("to_ids", "kinds", "packed"),
    [
        ([1, 2, 2**63 - 1], 3, True),
        ([-1], 1, True),
        ([1, 1], 2, False),
        ([2**63], 1, False),
        (["1"], 1, False),
        ([*range(300)], 256, True),
        ([*range(300)], 257, False),
    ],
)
def test_what_does_not_fit_into_numbers_is_not_packed(
    to_ids: list[int | str], kinds: int, packed: bool
) -> None:
    """Repeated records, ids beyond 64 bits or as texts, more types than a byte can say."""
    to = [
        {"toObjectId": to_id, "associationTypes": _typed(number % kinds)}
        for number, to_id in enumerate(to_ids)
    ]
    results = [{"from": {"id": "1"}, "to": to}, {"from": {"id": "2"}, "to": []}]
    body = json.dumps({"status": "COMPLETE", "results": results}).encode()
    codec = read_codec("v4", packed=True)
    for _ in range(2):
        whole = at_once(codec.decode_batch(body)).whole
        assert {isinstance(one, PackedAssociations) for one in whole} == {packed}
        plain = at_once(read_codec("v4").decode_batch(body)).whole
        assert [ObjectAssociations(one.from_object_id, unpacked(one)) for one in whole] == plain


ODD_IDS = st.sampled_from(
    ["007", "x", "", " 7", "-0", "+7", "1,2", "7]", "1e2", "7.0", "٣", "\ud800", "9" * 5_000]
)


@given(
    ids=st.lists(st.integers(-(2**64), 2**64).map(str), max_size=5)
    | st.lists(st.integers(0, 400).map(str) | ODD_IDS, unique=True),
    kinds=st.integers(1, 300),
)
def test_an_answer_of_several_pages_is_packed_whole_or_not_at_all(
    ids: list[str], kinds: int
) -> None:
    """Whatever its ids are: unpacked, it is what it was."""
    types = [(AssociationType("USER_DEFINED", number % kinds),) for number in range(len(ids))]
    to = tuple(map(Association, ids, types))
    one = read_codec("v4", packed=True).outcome("7", to)
    assert (one.from_object_id, unpacked(one), len(one.to)) == ("7", to, len(to))


def test_types_without_end_do_not_fill_the_memory() -> None:
    """The memory of distinct types is bounded; answers stay right past it."""
    codec = read_codec("v4")
    for number in range(10_000):
        kinds = [{"category": "USER_DEFINED", "typeId": number}]
        body = replaced(GOOD, ("results", 0, "to", 0, "associationTypes"), kinds)
        (page,) = at_once(codec.decode_batch(json.dumps(body).encode())).pages
        assert page.to[0].association_types == (AssociationType("USER_DEFINED", number),)
    assert len(codec._associations.__self__) <= 4096  # type: ignore[attr-defined]


def test_inputs_are_sent_with_their_cursors_verbatim() -> None:
    """A cursor goes back in a body exactly as it came, a fresh id without the field."""
    body = json.loads(encode_read({"1": None, "2": "MC0yLTc1MDI%3D"}))
    assert body == {"inputs": [{"id": "1"}, {"id": "2", "after": "MC0yLTc1MDI%3D"}]}


@pytest.mark.parametrize(
    ("name", "type_id", "label"),
    [
        ("contact_to_company", 1, "Primary"),
        ("contact_to_company_unlabeled", 279, None),
        ("CONTACT_TO_DEAL", 4, None),
        ("deal_to_company", 5, "Primary"),
        ("deal_to_company_unlabeled", 341, None),
        ("company_to_contact_unlabeled", 280, None),
        ("ticket_to_contact", 16, None),
        ("parent_to_child_company", 13, None),
    ],
)
def test_v3_type_names_become_the_types_of_the_other_versions(
    name: str, type_id: int, label: str | None
) -> None:
    """``contact_to_company`` is the primary type where there is one."""
    assert v3_association_type(name) == (AssociationType("HUBSPOT_DEFINED", type_id, label),)


def test_every_published_pair_has_its_unlabelled_type_in_v3() -> None:
    """And what is not published keeps its own name: a portal's label, of which v3 says no more."""
    plain = {
        (row.from_object_type, row.to_object_type): row.type_id
        for row in published_types()
        if row.name.lower().replace(" ", "_") == f"{row.from_object_type}_to_{row.to_object_type}"
    }
    assert len(plain) > 200
    for (from_type, to_type), type_id in plain.items():
        (found,) = v3_association_type(f"{from_type}_to_{to_type}_unlabeled")
        assert found.type_id == type_id
    assert v3_association_type("best_friend") == (AssociationType("UNKNOWN", None, "best_friend"),)
