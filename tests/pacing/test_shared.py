"""Real processes that share one quota: over a real Redis, and over a file."""

import asyncio
import logging
import os
import shutil
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest

from hubassoc_async import ConnectError, UsageError
from hubassoc_async.pacing import Pacing, Quota, SharedQuota
from hubassoc_async.protocol.quota import RateSignal

ROOT = Path(__file__).parent.parent.parent


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


BUSY = 2
"""Arrivals that the judge may see too close: it reads its own clock late when the machine is busy.
Real clocks cannot show more; windows are judged exactly on virtual time."""


class RedisServer:
    """A Redis of its own, which remembers nothing when it is started again."""

    def __init__(self) -> None:
        program = shutil.which("redis-server")
        if program is None and "CI" not in os.environ:
            pytest.skip("needs redis-server on the PATH, such as Debian's package; CI installs it")
        assert program, "redis-server is missing: apt-get install redis-server"
        self._program = program
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.start()

    def start(self) -> None:
        self._process = subprocess.Popen(
            [self._program, "--port", str(self.port), "--save", "", "--bind", "127.0.0.1"],
            stdout=subprocess.DEVNULL,
        )
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.02)
        raise AssertionError("Redis did not start")

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait()


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    server = RedisServer()
    yield server
    server.stop()


class Judge:
    """Counts arrivals exactly, as the server of all workers."""

    def __init__(self) -> None:
        self.log: list[tuple[float, str]] = []
        self.port = 0

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            self.log.append((time.monotonic(), line.decode().strip()))
        writer.close()

    def most(self, seconds: float) -> int:
        """Most arrivals in any rolling window."""
        first = most = 0
        for last, (when, _) in enumerate(self.log):
            while self.log[first][0] <= when - seconds:
                first += 1
            most = max(most, last - first + 1)
        return most

    def count(self, start: float, end: float) -> Counter[str]:
        return Counter(name for when, name in self.log if start < when <= end)


@asynccontextmanager
async def judging() -> AsyncIterator[Judge]:
    judge = Judge()
    server = await asyncio.start_server(judge.take, "127.0.0.1", 0)
    judge.port = server.sockets[0].getsockname()[1]
    yield judge
    server.close()
    await server.wait_closed()


@contextmanager
def working(url: str, quota: str, judge: Judge) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    started: list[subprocess.Popen[bytes]] = []

    def start(name: str, off: float = 0.0, without: str = "refuse") -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "tests.pacing.worker"),
                *(url, quota, str(judge.port), name, str(off), without),
            ],
            cwd=ROOT,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()


async def until_all_are_there(judge: Judge, names: set[str]) -> None:
    while not names <= {name for _, name in judge.log}:
        await asyncio.sleep(0.05)


async def share(url: str, quota: Quota, windows: float) -> Judge:
    """Eight processes, one with a clock an hour off; two are killed and two join under way."""
    async with judging() as judge:
        with working(url, str(quota), judge) as start:
            names = [f"w{n}" for n in range(8)]
            workers = [start(name, 3600 if name == "w0" else 0) for name in names]
            await until_all_are_there(judge, set(names))
            begun = time.monotonic()
            await asyncio.sleep(windows * quota.seconds)
            shares = judge.count(begun, time.monotonic())
            total = sum(shares.values())
            used = total / (quota.limit * (time.monotonic() - begun) / quota.seconds)
            for worker in workers[:2]:
                worker.kill()
            for name in ("late1", "late2"):
                start(name)
            await until_all_are_there(judge, {"late1", "late2"})
            await asyncio.sleep(1.5 * quota.seconds)
    most = judge.most(quota.seconds)
    sys.stdout.write(f"used {used:.1%}, most {most}, {sorted(shares.items())}\n")
    assert most <= quota.limit + BUSY
    assert used >= 0.8  # printed above; a busy machine wakes everyone late
    assert all(total / 32 <= shares[name] <= total / 2 for name in names)
    return judge


async def test_eight_processes_share_one_quota_over_redis(redis: RedisServer) -> None:
    """Not over it in any rolling window, nobody starved; some die, some join."""
    await share(redis.url, Quota(100, 2), 2.5)


async def test_eight_processes_of_one_machine_share_one_quota_by_a_file(tmp_path: Path) -> None:
    """The same without Redis."""
    await share((tmp_path / "quota.db").as_uri(), Quota(100, 2), 2.5)


async def test_redis_restarted_under_way_overruns_nothing(redis: RedisServer) -> None:
    """What it knew is lost: with a share each meanwhile, and from nothing after a window."""
    quota = Quota(100, 1)
    async with judging() as judge:
        with working(redis.url, str(quota), judge) as start:
            names = {f"w{n}" for n in range(4)}
            for name in names:
                start(name, without="share")
            await until_all_are_there(judge, names)
            await asyncio.sleep(1)
            redis.stop()
            down = time.monotonic()
            await asyncio.sleep(2)
            redis.start()
            back = time.monotonic()
            await asyncio.sleep(5)
            alone = sum(judge.count(down + 1, back).values())
            after = sum(judge.count(back + 3, back + 5).values())
    sys.stdout.write(f"alone {alone}, after {after}, most {judge.most(quota.seconds)}\n")
    assert judge.most(quota.seconds) <= quota.limit + BUSY
    assert alone >= 20
    assert after >= 0.5 * 200  # late wake-ups cost a window of one second dearly


async def test_without_redis_it_refuses_if_so_told(caplog: pytest.LogCaptureFixture) -> None:
    """A ``ConnectError``: nothing was sent; or a share of the quota, and a warning."""
    url = f"redis://127.0.0.1:{free_port()}/0"
    loop = asyncio.get_running_loop()
    refusing = Pacing(SharedQuota(url, portal="1", without="refuse"), "strict").open(loop)
    with pytest.raises(ConnectError, match="out of reach"):
        await refusing.of("associations").acquire()
    await refusing.aclose()
    with caplog.at_level(logging.WARNING, logger="hubassoc_async"):
        going_on = Pacing(SharedQuota(url, portal="1", workers=20), "strict").open(loop)
        for _ in range(5):
            (await going_on.of("associations").acquire()).release(answered=True)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(going_on.of("associations").acquire(), 0.3)
        await going_on.aclose()
    said = [record.getMessage().rpartition("; ")[2] for record in caplog.records]
    assert said == ["refusing turns", "going on with 5/10"]


async def test_a_429_of_one_process_pauses_all(tmp_path: Path) -> None:
    """By the log they share."""
    loop = asyncio.get_running_loop()
    url = (tmp_path / "quota.db").as_uri()
    one, other = (
        Pacing(SharedQuota(url, portal="1", quota=Quota(100, 10)), "strict").open(loop)
        for _ in range(2)
    )
    turn = await one.of("associations").acquire()
    turn.release(answered=True, signal=RateSignal(rejected=True, wait=0.6))
    await asyncio.sleep(0.1)
    started = loop.time()
    (await other.of("associations").acquire()).give_back()
    assert loop.time() - started > 0.4
    await one.aclose()
    await other.aclose()


@pytest.mark.parametrize(
    "wrong", [{"url": "http://x"}, {"portal": ""}, {"workers": 0}, {"guard": 1.0}]
)
def test_a_shared_quota_is_checked(wrong: dict[str, object]) -> None:
    """Before anything is opened."""
    right: dict[str, object] = {"url": "redis://localhost", "portal": "1"}
    with pytest.raises(UsageError):
        SharedQuota(**(right | wrong))  # type: ignore[arg-type]
