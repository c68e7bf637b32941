"""A large answer is decoded in slices: it means what the whole means, and others have turns."""

import asyncio
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.steps import at_once
from hubassoc_async import VERSIONS, AssociationsClient, Request, Response
from hubassoc_async.errors import ProtocolError
from hubassoc_async.protocol import decoding, exchange, wire
from hubassoc_async.protocol.exchange import ReadExchange
from hubassoc_async.protocol.wire import Answer, ReadCodec, read_codec

HOSTILE = (
    ',{"from":',
    ',{"paging":',
    ',"results":[{',
    '"results":[',
    '{"status":"COMPLETE","results":[',
    ']},{"from":{"id":"1"}',
    "\\",
)
NAMES = st.sampled_from(HOSTILE) | st.text(max_size=5)
IDS = st.integers(1, 60).map(str)
KINDS = st.lists(
    st.fixed_dictionaries(
        {"category": NAMES, "typeId": st.integers(1, 3), "label": st.none() | NAMES}
    ),
    max_size=2,
)
EXTRA = st.dictionaries(
    NAMES | st.just("results") | st.just("from"),
    NAMES | st.lists(st.fixed_dictionaries({"from": st.just({"id": "9"}), "to": st.just([])})),
    max_size=2,
)


def in_any_order(fields: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    """An object's fields in any order: nobody promises one."""
    return fields.flatmap(lambda given: st.permutations(list(given.items())).map(dict))


RESULT = st.builds(
    lambda object_id, to, after, more: (
        {"from": {"id": object_id}, "to": to}
        | ({"paging": {"next": {"after": after}}} if after else {})
        | more
    ),
    IDS,
    st.lists(
        st.fixed_dictionaries({"toObjectId": st.integers(1, 9), "associationTypes": KINDS}),
        max_size=4,
    ),
    st.none() | NAMES,
    st.dictionaries(NAMES, EXTRA, max_size=1),
)
ERROR = st.builds(
    lambda category, ids, more: {"category": category, "context": {"fromObjectId": ids}} | more,
    NAMES,
    st.lists(IDS, max_size=2),
    EXTRA,
)
BODY = st.builds(
    lambda before, results, errors, after: (
        before | {"status": "COMPLETE", "results": results} | errors | after
    ),
    EXTRA | st.just({}),
    st.lists(RESULT | in_any_order(RESULT), max_size=30),
    st.just({}) | st.lists(ERROR, max_size=3).map(lambda errors: {"errors": errors}),
    EXTRA | st.just({}),
)


@contextmanager
def slices_of(size: int) -> Iterator[None]:
    """Cut answers into slices of so many bytes, four to a turn."""
    before = decoding.SLICE, wire._TURN
    decoding.SLICE, wire._TURN = size, 4 * size
    try:
        yield
    finally:
        decoding.SLICE, wire._TURN = before


def meaning(body: bytes, slice_bytes: int) -> Answer | str:
    """What an answer says, or what is wrong with it."""
    with slices_of(slice_bytes):
        try:
            return at_once(read_codec("v4").decode_batch(body))
        except ProtocolError as error:
            return str(error)


@settings(max_examples=200, deadline=None)
@given(
    body=BODY | in_any_order(BODY),
    compact=st.sampled_from([True, True, True, False]),
    size=st.integers(1, 800),
    spoilt=st.none() | st.tuples(st.floats(0, 1), st.sampled_from([b"", b"]", b"{", b'"', b",0"])),
)
def test_slices_mean_what_the_whole_means(
    body: Any, compact: bool, size: int, spoilt: tuple[float, bytes] | None
) -> None:
    """Whatever names and nesting look like a place to cut; and the same error for what is bad."""
    separators = (",", ":") if compact else None
    text = json.dumps(body, separators=separators, ensure_ascii=False).encode()
    if spoilt is not None:
        at = int(spoilt[0] * len(text))
        text = text[:at] + spoilt[1] + text[at + 1 :]
    assert meaning(text, size) == meaning(text, 10**9)


@pytest.mark.parametrize(
    "body",
    [
        b'{"status":"COMPLETE","results":[R,R,R],"results":[R]}',
        b'{"results":[R,R,R],"x":{"status":1,"results":[R]},"status":"COMPLETE"}',
        b'{"x":{"results":[R,R,R]},"status":"COMPLETE","results":[R]}',
        b'{"x,\\"results":[R,R,R],"status":"COMPLETE","results":[R]}',
        b'{"x":["results":[R,R,R],"status":"COMPLETE","results":[R]}',
        b'{"x":"results":[R,R,R],"status":"COMPLETE"}',
        b'{"status":"COMPLETE","results":[],"x\\"results":[R,R,R]}',
        b'{"status":"COMPLETE","results":[],"x":{"results":[R,R,R]}}',
        b'{"x\\"results":[R,R,R],"status":"COMPLETE","results":[R]}',
        b'{"status":"COMPLETE","results":[R,R,{"to":[],"from":{"id":"4"},"x":[R,R]},R]}',
        b'{"status":"COMPLETE","results":[R,R,{"to":[],"x":[{"to":[]},{"to":[]}],"from":{"id":"4"}}]}',
        b'{"status":"COMPLETE","results":[R,R],"errors":[R,R,{"context":{"id":["1"]}}]}',
        b'{"status":"COMPLETE","results":[R,R],"errors":[{"subCategory":{"a":1}}]}',
        b'{"status":"COMPLETE","results":[R,R]],"x":[R,R]}',
        b'{"status":"COMPLETE","results":[R,R]}{"status":"COMPLETE","results":[R,R]}',
    ],
)
def test_layouts_that_mislead_are_read_as_a_whole(body: bytes) -> None:
    """Keys given twice, results elsewhere, places to cut that are no places between results."""
    number = iter(range(1, 9))
    while b"R" in body:
        body = body.replace(b"R", b'{"from":{"id":"%d"},"to":[]}' % next(number), 1)
    for size in range(1, 60):
        assert meaning(body, size) == meaning(body, 10**9)


def page(ids: list[str], *, after: str | None = None) -> bytes:
    kinds = [{"category": "HUBSPOT_DEFINED", "typeId": 1, "label": None}]
    results: list[dict[str, Any]] = [
        {"from": {"id": one}, "to": [{"toObjectId": 5, "associationTypes": kinds}]} for one in ids
    ]
    if after is not None:
        results = [one | {"paging": {"next": {"after": after}}} for one in results]
    return json.dumps({"status": "COMPLETE", "results": results}, separators=(",", ":")).encode()


@pytest.mark.parametrize("before", [{}, {"links": {"a": "b"}}, {"errors": [{"links": {"a": "b"}}]}])
@pytest.mark.parametrize("keys", [*permutations(("from", "to", "paging"))])
def test_an_answer_is_cut_whatever_the_order_of_its_keys(
    keys: Sequence[str], before: dict[str, Any]
) -> None:
    """Also where only some results have the first key, and where an object is before them."""
    body = json.loads(page([str(one) for one in range(1, 101)], after="c"))
    for at, result in enumerate(body["results"]):
        body["results"][at] = {key: result[key] for key in keys if key != "paging" or at % 3}
    text = json.dumps(before | body, separators=(",", ":")).encode()
    with slices_of(200):
        turns = sum(1 for _ in read_codec("v4").decode_batch(text))
    assert turns > len(text) / 2_000
    assert meaning(text, 200) == meaning(text, 10**9)


@pytest.mark.parametrize("after", [None, "c"])
def test_steps_that_are_not_taken_to_their_end_leave_every_id_unread(
    after: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until the last step nothing is out, whichever step a read is left at."""
    monkeypatch.setattr(exchange, "_MERGED", 2)
    ids = [str(one) for one in range(1, 21)]
    with slices_of(60):
        for most in range(1, 100):
            read = ReadExchange(VERSIONS["v4"], "contacts", "companies")
            read.feed(ids)
            steps = read.receive(read.next_batch(), Response(200, {}, page(ids, after=after)))
            try:
                for _ in range(most):
                    next(steps)
            except StopIteration:
                break
            steps.close()
            assert read.unread == tuple(ids)
            assert read.in_flight == 1
    assert most > (5 if after is None else 15)


class Answers:
    """Answers every batch in full, at once."""

    async def send(self, request: Request) -> Response:
        assert request.body is not None
        return Response(200, {}, page([one["id"] for one in json.loads(request.body)["inputs"]]))

    async def aclose(self) -> None:
        pass


async def test_others_have_a_turn_after_each_slice(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many large answers come at once: a turn of the loop has four slices and a rest."""
    turn, decoded = 0, []
    add = ReadCodec._add

    def noted(self: ReadCodec[Any], *given: Any) -> Any:
        decoded.append(turn)
        return add(self, *given)

    async def others() -> None:
        nonlocal turn
        while True:
            turn += 1
            await asyncio.sleep(0)

    monkeypatch.setattr(ReadCodec, "_add", noted)
    counting = asyncio.create_task(others())
    with slices_of(5_000):
        async with AssociationsClient(transport=Answers(), quota=None) as client:
            assert len(await client.read("contacts", "companies", range(1, 5_001))) == 5_000
    counting.cancel()
    assert len(decoded) > 50
    assert max(Counter(decoded).values()) <= 5


def test_a_client_decodes_large_answers_in_one_event_loop_after_another() -> None:
    """Several at once, so that they wait for each other: for what no other loop has made."""
    client = AssociationsClient(transport=Answers(), quota=None)

    async def read() -> int:
        ids = range(1, 5_001)
        return len(await client.read("contacts", "companies", ids))

    with slices_of(1_000):
        assert [asyncio.run(read()) for _ in range(2)] == [5_000, 5_000]


async def test_a_read_that_is_left_while_an_answer_is_decoded_has_its_ids_unread() -> None:
    """An id is out or unread, also when its answer has come and is half decoded."""
    answers = Answers()
    with slices_of(1_000):
        async with AssociationsClient(transport=answers, quota=None) as client:
            stream = client.stream_read("contacts", "companies", range(1, 3_001))
            async with stream as outcomes:
                first = await outcomes.next_batch()
                for _ in range(20):
                    await asyncio.sleep(0)
            out = [one.from_object_id for one in first]
            assert sorted([*out, *stream.unread], key=int) == [str(n) for n in range(1, 3_001)]
            assert len(stream.unread) > 1_000
