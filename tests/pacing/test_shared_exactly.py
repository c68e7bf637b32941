"""What a shared quota promises, judged exactly: the real logs, driven on virtual time.

The Lua script runs in a real Redis and the transactions in a real SQLite file; only their time is
the event loop's. Processes are pacers in one loop, so that nothing depends on a busy machine.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hubassoc_async.pacing import Quota, SharedQuota
from hubassoc_async.pacing.shared import Log, Rule
from hubassoc_async.pacing.shared_file import FileLog
from tests.pacing.company import Company
from tests.pacing.redis_server import RedisServer, TimedRedis
from tests.virtual_time import run_virtual

T = TypeVar("T")
NAMES = [f"w{n}" for n in range(8)]
KINDS = ["redis", "file"]


class Faulty:
    """A log that is some way off, now and then a long one, and out of reach when told."""

    def __init__(self, log: Log, place: "Place") -> None:
        self._log, self._place = log, place
        self._long = False
        self._trip = place.random.uniform(0.001, 0.05)  # each process is as far as it is

    async def time(self) -> float:
        return await self._far(self._log.time)

    async def reserve(self, *, clear: float) -> tuple[float, float]:
        return await self._far(lambda: self._log.reserve(clear=clear))

    async def pause(self, seconds: float) -> None:
        await self._log.pause(seconds)

    async def aclose(self) -> None:
        await self._log.aclose()

    async def _far(self, call: Callable[[], Awaitable[T]]) -> T:
        random = self._place.random
        self._long = not self._long and random.random() < 0.03  # never twice in a row
        longer = random.uniform(0, 0.3) if self._long else 0.0
        there = random.random() < 0.5
        await asyncio.sleep(self._trip / 2 + random.uniform(0, 0.003) + longer * there)
        if self._place.down:
            raise ConnectionError("out of reach")
        result = await call()
        await asyncio.sleep(self._trip / 2 + random.uniform(0, 0.003) + longer * (not there))
        return result


class Place:
    """Where a log is kept: in a Redis, or in a file."""

    def __init__(self, open_log: Callable[[], Log], forget: Callable[[], None]) -> None:
        self._open, self.forget = open_log, forget
        self.random = Random(1)
        self.down = False

    def open(self) -> Log:
        """Open it for one process."""
        return Faulty(self._open(), self)


@contextlib.contextmanager
def keeping(kind: str, rule: Rule, server: RedisServer) -> Iterator[Place]:
    """Keep a log in a new file or an empty Redis."""
    if kind == "redis":
        redis = TimedRedis(server)
        yield Place(lambda: redis.open(rule), redis.forget)
        redis.close()
        return
    with TemporaryDirectory() as directory:
        path = Path(directory) / "quota.db"
        yield Place(
            lambda: FileLog(path, "1", rule, now=lambda: asyncio.get_running_loop().time()),
            lambda: None,
        )


def company(
    place: Place, shared: SharedQuota, quota: Quota, seed: int = 0, stalls: float = 0.002
) -> Company:
    """Make a company that wakes up late and has jitter as far as its guard is for it."""
    jitter = 0.4 * shared.guard * quota.seconds
    return Company(shared, quota, place.open, jitter=jitter, stalls=stalls, seed=seed)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("kind", KINDS)
def test_eight_processes_use_all_of_it_never_more_and_each_its_share(
    kind: str, seed: int, standing_redis: RedisServer
) -> None:
    """One's clock is an hour off, two are killed and two join: never over 100, 98 % used."""
    quota = Quota(100, 10)
    shared = SharedQuota("redis://", portal="1")

    async def main(place: Place) -> None:
        loop = asyncio.get_running_loop()
        working = company(place, shared, quota, seed)
        for name in NAMES:
            working.join(name, off=3600 if name == "w0" else 0)
        await asyncio.sleep(3 * quota.seconds)
        begun = loop.time()
        await asyncio.sleep(8 * quota.seconds)
        shares = working.judge.count(begun, loop.time())
        await asyncio.gather(*(working.kill(name) for name in NAMES[:2]))
        working.join("late1")
        working.join("late2", off=-3600)
        await asyncio.sleep(4 * quota.seconds)
        ended = loop.time()
        used = sum(working.judge.count(begun, ended).values())
        late = working.judge.count(ended - 2 * quota.seconds, ended)
        await working.end()
        assert working.judge.most(quota.seconds) <= quota.limit
        assert used >= 0.98 * quota.limit * (ended - begun) / quota.seconds
        fair = sum(shares.values()) / 8
        assert all(fair / 2 <= shares[name] <= fair * 2 for name in NAMES)
        assert all(12.5 <= late[name] <= 50 for name in ("late1", "late2", *NAMES[2:]))

    with keeping(kind, Rule.of(shared, quota), standing_redis) as place:
        run_virtual(main(place))


@pytest.mark.parametrize("outage", [2, 25])
@pytest.mark.parametrize("lost", [True, False], ids=["restarted empty", "only cut off"])
def test_an_outage_overruns_nothing_and_all_is_used_again_after_it(
    outage: float, lost: bool, standing_redis: RedisServer
) -> None:
    """Meanwhile each goes on with its share, after a window in which others may have had all."""
    quota = Quota(100, 10)
    shared = SharedQuota("redis://", portal="1")

    async def main(place: Place) -> None:
        loop = asyncio.get_running_loop()
        working = company(place, shared, quota)
        working.join("w0", out=200)  # it uses all of it
        await asyncio.sleep(4 * quota.seconds)
        place.down = True
        if lost:
            place.forget()
        for name in NAMES[1:]:
            working.join(name)
        await asyncio.sleep(outage)
        alone = sum(working.judge.count(loop.time() - 10, loop.time()).values())
        place.down = False
        if lost:
            await working.kill("w1")
            working.join("late")  # it is the first to ask, and knows nothing
        await asyncio.sleep(3.5 * quota.seconds)
        begun = loop.time()
        await asyncio.sleep(4 * quota.seconds)
        used = sum(working.judge.count(begun, loop.time()).values())
        await working.end()
        assert working.judge.most(quota.seconds) <= quota.limit
        assert used >= 0.98 * 4 * quota.limit
        if outage > 2 * quota.seconds:
            assert alone >= 0.8 * quota.limit

    with keeping("redis", Rule.of(shared, quota), standing_redis) as place:
        run_virtual(main(place))


EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["join", "kill", "down", "forgets", "up", "wait"]), st.floats(0.05, 5.0)
    ),
    min_size=2,
    max_size=12,
)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=40, deadline=None)
@given(events=EVENTS, seed=st.integers(0, 99), limit=st.sampled_from([1, 3, 8, 20]))
def test_whatever_happens_no_window_has_more_than_the_quota(
    kind: str,
    standing_redis: RedisServer,
    events: list[tuple[str, float]],
    seed: int,
    limit: int,
) -> None:
    """Processes join and are killed, the log is out of reach, lost, and back, in any order."""
    cut_off = any(event == "down" for event, _ in events)
    quota = Quota(max(limit, len(NAMES)) if cut_off else limit, 2)  # a share is 1 at the least
    shared = SharedQuota("redis://", portal="1", guard=0.05)

    async def main(place: Place) -> None:
        working = company(place, shared, quota, seed, stalls=0.05)
        names = iter(NAMES)  # no more than the workers that were expected
        alive = [next(names), next(names), next(names)]
        for name in alive:
            working.join(name)
        for event, seconds in events:
            if event == "join" and (joins := next(names, "")):
                working.join(joins)
                alive.append(joins)
            elif event == "kill" and len(alive) > 1:
                await working.kill(alive.pop(0))
            elif event == "forgets":  # not before it has begun after it forgot before
                await asyncio.sleep(2 * Rule.of(shared, quota).lost)
                place.forget()
            elif event in ("down", "up"):
                place.down = event == "down"
            await asyncio.sleep(seconds)
        await working.end()
        assert working.judge.most(quota.seconds) <= quota.limit

    with keeping(kind, Rule.of(shared, quota), standing_redis) as place:
        run_virtual(main(place))


@pytest.mark.parametrize("ahead", [-1_000, 1_000])
def test_another_redis_with_another_clock_takes_over(
    ahead: float, standing_redis: RedisServer
) -> None:
    """Each process sees that the clock is another one, and goes by that."""
    quota = Quota(100, 10)
    shared = SharedQuota("redis://", portal="1")
    redis = TimedRedis(standing_redis)
    rule = Rule.of(shared, quota)

    async def main() -> None:
        loop = asyncio.get_running_loop()
        working = company(Place(lambda: redis.open(rule), redis.forget), shared, quota)
        for name in NAMES:
            working.join(name)
        await asyncio.sleep(30)
        redis.forget()
        redis.off = ahead
        await asyncio.sleep(20)
        begun = loop.time()
        await asyncio.sleep(20)
        used = sum(working.judge.count(begun, loop.time()).values())
        await working.end()
        assert working.judge.most(quota.seconds) <= quota.limit
        assert used >= 0.98 * 2 * quota.limit

    run_virtual(main())
    redis.close()


@pytest.mark.parametrize("kind", KINDS)
def test_only_a_redis_that_remembers_nothing_keeps_the_first_waiting(
    kind: str, standing_redis: RedisServer
) -> None:
    """It may have lost what others used; a new file has not, nor has a portal long unused."""
    quota = Quota(100, 10)
    rule = Rule.of(SharedQuota("redis://", portal="1"), quota)

    async def main(place: Place) -> None:
        log = place.open()

        async def ahead(clear: float = 0.0) -> float:
            now, turn = await log.reserve(clear=clear)
            return turn - now

        assert await ahead() == pytest.approx(rule.lost if kind == "redis" else 0.0, abs=1e-6)
        await asyncio.sleep(86_400)
        assert await ahead() == 0.0
        await log.pause(3.0)
        assert await ahead() == pytest.approx(3.0, abs=0.4)
        assert await ahead(5.0) == pytest.approx(5.0, abs=0.4)
        await log.aclose()

    with keeping(kind, rule, standing_redis) as place:
        run_virtual(main(place))
