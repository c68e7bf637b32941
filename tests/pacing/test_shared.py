"""Real processes that share one quota: over a real Redis, and over a file.

What they are given is judged exactly, by every turn that the log gave; when it arrives only
roughly, since a busy machine wakes the processes, and the judge, as late as it likes. Arrivals are
judged exactly in ``test_shared_exactly``.
"""

import asyncio
import contextlib
import logging
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from hubassoc_async import AssociationsClient, ConnectError, UsageError
from hubassoc_async.pacing import Pacing, Quota, SharedQuota
from hubassoc_async.pacing.shared import Rule
from hubassoc_async.pacing.shared_file import FileLog
from hubassoc_async.protocol.quota import RateSignal
from tests.pacing.company import Judge, most_in
from tests.pacing.redis_server import RedisServer, free_port

ROOT = Path(__file__).parent.parent.parent
QUOTA = Quota(100, 2)
NAMES = {f"w{n}" for n in range(8)}
ROUGHLY = 1.1
"""How much a busy judge may err: it reads its clock when it is woken up."""


@asynccontextmanager
async def judging() -> AsyncIterator[tuple[Judge, int]]:
    """Count what arrives at a port, as the server of all workers."""
    judge = Judge()

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            judge.arrive(line.decode().strip())
        writer.close()

    server = await asyncio.start_server(take, "127.0.0.1", 0)
    yield judge, server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()


@contextmanager
def working(url: str, port: int) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Start processes that use a quota as fast as they may, until the end."""
    started: list[subprocess.Popen[bytes]] = []

    def start(name: str) -> subprocess.Popen[bytes]:
        off = "3600" if name == "w0" else "0"
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "tests.pacing.worker"),
                *(url, str(QUOTA), str(port), name, off),
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
    """Wait until each has sent something from now on."""
    first = len(judge.log)
    while not names <= {name for _, name in judge.log[first:]}:
        await asyncio.sleep(0.05)


async def share(url: str, restart: Callable[[], object]) -> Judge:
    """Eight processes, one with a clock an hour off; two are killed and two join under way."""
    async with judging() as (judge, port):
        with working(url, port) as start:
            workers = {name: start(name) for name in sorted(NAMES)}
            await until_all_are_there(judge, NAMES)
            await asyncio.sleep(2 * QUOTA.seconds)
            restart()
            await until_all_are_there(judge, NAMES)
            begun = asyncio.get_running_loop().time()
            await asyncio.sleep(2 * QUOTA.seconds)
            shares = judge.count(begun, asyncio.get_running_loop().time())
            for name in ("w0", "w1"):
                workers[name].kill()
            for name in ("late1", "late2"):
                start(name)
            await until_all_are_there(judge, {"late1", "late2"})
            await asyncio.sleep(QUOTA.seconds)
    total = sum(shares.values())
    assert all(total / 8 / 4 <= shares[name] <= total / 8 * 4 for name in NAMES)
    assert judge.most(QUOTA.seconds) <= QUOTA.limit * ROUGHLY
    return judge


def check(turns: list[float], judge: Judge) -> None:
    """Judge every turn that was given: never too many, and nearly all while all were there."""
    turns = sorted(turns)
    most, arrived = most_in(turns, QUOTA.seconds), len(judge.log)
    busiest = max(
        sum(1 for turn in turns if start < turn <= start + 2 * QUOTA.seconds) for start in turns
    )
    sys.stdout.write(f"{len(turns)} turns, {arrived} used, most {most}, {busiest} in two windows\n")
    assert most <= QUOTA.limit
    assert busiest >= 0.9 * 2 * QUOTA.limit  # a machine that is busy asks late for turns
    assert arrived >= 0.7 * len(turns)


@asynccontextmanager
async def watching(server: RedisServer, turns: list[float]) -> AsyncIterator[None]:
    """Note every turn that scripts push in a Redis, also when it is started again."""

    async def watch() -> None:
        while True:
            with contextlib.suppress(OSError, RedisConnectionError):
                async with (
                    Redis(port=server.port, socket_timeout=None) as redis,
                    redis.monitor() as commands,
                ):
                    async for command in commands.listen():
                        verb, *rest = command["command"].split(" ")
                        if verb == "LPUSH":
                            turns.append(int(rest[1]) / 1_000_000)
            await asyncio.sleep(0.01)

    task = asyncio.create_task(watch())
    await asyncio.sleep(0.5)
    yield
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def test_eight_processes_share_one_quota_over_a_redis_that_is_restarted(
    redis: RedisServer,
) -> None:
    """Nobody is starved, and no window has more turns than the quota, what was forgotten too."""
    turns: list[float] = []

    def restart() -> None:
        redis.stop()
        redis.start()

    async with watching(redis, turns):
        judge = await share(redis.url, restart)
    check(turns, judge)


async def test_eight_processes_of_one_machine_share_one_quota_by_a_file(tmp_path: Path) -> None:
    """The same without Redis."""
    path = tmp_path / "quota.db"
    log = FileLog(path, "another", Rule.of(SharedQuota(path.as_uri(), portal="2"), QUOTA))
    await log.pause(0)  # the file is there now
    await log.aclose()
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("CREATE TABLE given (turn REAL)")
        db.execute(
            "CREATE TRIGGER copy AFTER INSERT ON turns"
            " BEGIN INSERT INTO given VALUES (new.turn); END"
        )
    judge = await share(path.as_uri(), lambda: None)
    with closing(sqlite3.connect(path)) as db:
        check([turn for (turn,) in db.execute("SELECT turn FROM given")], judge)


async def test_without_redis_it_refuses_if_so_told(caplog: pytest.LogCaptureFixture) -> None:
    """A ``ConnectError``: nothing was sent; or after a window a share of the quota."""
    url = f"redis://:5eCReT@127.0.0.1:{free_port()}/0"
    loop = asyncio.get_running_loop()
    refusing = Pacing(SharedQuota(url, portal="1", without="refuse"), "strict").open(loop)
    with pytest.raises(ConnectError, match="out of reach"):
        await refusing.of("associations").acquire()
    await refusing.aclose()
    shared = SharedQuota(url, portal="1", quota=QUOTA, workers=20)
    with caplog.at_level(logging.WARNING, logger="hubassoc_async"):
        going_on = Pacing(shared, "strict").open(loop)
        started = loop.time()
        for _ in range(5):
            (await going_on.of("associations").acquire()).release(answered=True)
        assert loop.time() - started >= QUOTA.seconds
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(going_on.of("associations").acquire(), 0.3)
        await going_on.aclose()
    said = [record.getMessage() for record in caplog.records]
    assert [text.rpartition("; ")[2] for text in said] == [
        "refusing turns",
        "going on with 5/2 after 2.02 s",
    ]
    assert "5eCReT" not in "".join((*said, repr(shared)))


async def test_an_option_that_redis_does_not_take_is_refused_and_not_waited_for() -> None:
    """Whoever asks for a turn hears of it, without the value."""
    shared = SharedQuota("redis://127.0.0.1:1/0?token=s3cret", portal="1", quota=QUOTA)
    async with asyncio.timeout(20), AssociationsClient("t", quota=shared) as client:
        with pytest.raises(UsageError, match="an option, after its") as error:
            await client.read("contacts", "companies", ["1"])
    assert "s3cret" not in repr(error.value)


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
    "wrong", [{"url": "http://x"}, {"portal": ""}, {"workers": 0}, {"guard": 1.0}, {"guard": 0.0}]
)
def test_a_shared_quota_is_checked(wrong: dict[str, object]) -> None:
    """Before anything is opened."""
    right: dict[str, object] = {"url": "redis://localhost", "portal": "1"}
    with pytest.raises(UsageError):
        SharedQuota(**(right | wrong))  # type: ignore[arg-type]
