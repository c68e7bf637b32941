"""What a read costs must not creep up: Python's steps are counted, so that no machine matters.

A step is one instruction of Python's own machine. What runs in C is one step however much it does,
so beside it stands a ratio within one run: our CPU to that of plain msgspec structs.
"""

import asyncio
import sys
import time
from collections.abc import Callable
from types import FrameType
from typing import Any

import msgspec
import pytest

from benchmarks.pages import SHAPES, Shape, page_of, renderer
from benchmarks.steps import at_once
from benchmarks.typed import Page
from hubassoc_async import VERSIONS, AssociationsClient, Request, Response
from hubassoc_async.protocol.exchange import ReadExchange
from hubassoc_async.protocol.problem import Problem
from hubassoc_async.protocol.wire import read_codec


def steps(work: Callable[[], object]) -> int:
    """Count the instructions that Python runs to do something."""
    count = 0

    def trace(frame: FrameType, event: str, _value: object) -> Any:
        nonlocal count
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        count += event == "opcode"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return count


class OnePage:
    """A page that one client reads again and again."""

    def __init__(self, shape: Shape, ids: int) -> None:
        self.ids = shape.id_list()[:ids]
        self.body = page_of(shape, ids)
        self._codec = read_codec("v4")
        self.read()  # the association types of a portal are learnt once

    def read(self) -> None:
        """Go from ids to outcomes, as the client does but for sending."""
        exchange = ReadExchange(VERSIONS["2026-03"], "contacts", "companies", codec=self._codec)
        exchange.feed(self.ids)
        batch = exchange.next_batch()
        exchange.request(batch)
        outcomes = at_once(exchange.receive(batch, Response(200, {}, self.body)))
        assert not isinstance(outcomes, Problem)
        assert len(outcomes) == len(self.ids)


# Measured on 3.11, with half as much again for other versions of Python.
@pytest.mark.parametrize(("shape", "most"), [("typical", 220), ("empty", 130), ("dense", 3_600)])
def test_a_page_takes_few_steps_an_id(shape: str, most: int) -> None:
    """Of none, of 3.3 and of 100 associations an id: 24 steps for each more of them."""
    page = OnePage(SHAPES[shape], 100)
    assert 50 < steps(page.read) / len(page.ids) <= most


def test_twice_the_ids_take_twice_the_steps() -> None:
    """A page costs what it holds, and nothing grows faster."""
    one, two = (OnePage(SHAPES["typical"], ids) for ids in (200, 400))
    assert steps(two.read) <= 2.1 * steps(one.read)


class Stub:
    """Answers at once, with pages rendered for what is asked."""

    def __init__(self, shape: Shape) -> None:
        self._render = renderer(shape)

    async def send(self, request: Request) -> Response:
        assert request.body is not None
        inputs = msgspec.json.decode(request.body)["inputs"]
        return Response(200, {}, self._render([(one["id"], None) for one in inputs]))

    async def aclose(self) -> None:
        pass


def test_a_whole_read_takes_few_steps_an_id() -> None:
    """With the event loop, the pacer, the tasks and the result: half as much again as today."""
    shape = SHAPES["typical"]
    ids = shape.id_list()[:3_000]

    async def read() -> None:
        async with AssociationsClient(transport=Stub(shape), quota=None) as client:
            assert len(await client.read("contacts", shape.to_object_type, ids)) == len(ids)

    asyncio.run(read())
    assert 50 < steps(lambda: asyncio.run(read())) / len(ids) <= 310


def least_ratio(ours: Callable[[], object], plain: Callable[[], object]) -> float:
    """Divide our CPU by that of another way to do it, in turns: the least of five."""

    def cpu(work: Callable[[], object]) -> float:
        started = time.process_time()
        for _ in range(10):
            work()
        return time.process_time() - started

    return min(cpu(ours) / cpu(plain) for _ in range(5))


@pytest.mark.parametrize(("shape", "ids", "most"), [("typical", 1000, 1.8), ("dense", 50, 1.2)])
def test_a_page_costs_little_more_than_plain_structs(shape: str, ids: int, most: float) -> None:
    """1.0 and 0.7 times structs that check and share nothing, and a wide margin."""
    page = OnePage(SHAPES[shape], ids)
    plain = msgspec.json.Decoder(Page).decode
    assert least_ratio(page.read, lambda: plain(page.body)) <= most


class Kept:
    """Answers at once, each request as the first time."""

    def __init__(self, shape: Shape) -> None:
        self.bodies: dict[bytes, bytes] = {}
        self._stub = Stub(shape)

    async def send(self, request: Request) -> Response:
        assert request.body is not None
        if request.body not in self.bodies:
            self.bodies[request.body] = (await self._stub.send(request)).body
        return Response(200, {}, self.bodies[request.body])

    async def aclose(self) -> None:
        pass


def test_a_whole_read_costs_little_more_than_plain_structs() -> None:
    """With the loop, the pacer, tasks and the result: 1.2 times, and a wide margin."""
    kept = Kept(SHAPES["typical"])
    ids = SHAPES["typical"].id_list()[:3_000]
    plain = msgspec.json.Decoder(Page).decode

    async def read() -> None:
        async with AssociationsClient(transport=kept, quota=None) as client:
            await client.read("contacts", "companies", ids)

    asyncio.run(read())
    assert len(kept.bodies) == 3
    decoded = least_ratio(lambda: asyncio.run(read()), lambda: [*map(plain, kept.bodies.values())])
    assert decoded <= 2.0
