"""Jobs as real processes that are killed: by the clock, by what they asked, by what they wrote.

Instants are drawn from a seed, so that they are spread over everything that a job does. Whatever
takes longer than thought only moves them: a job that ends before its instant is one kill less, and
there are jobs until there were kills enough.
"""

import json
import signal
import sqlite3
import time
from abc import ABC, abstractmethod
from asyncio import sleep
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, closing, suppress
from itertools import chain, cycle, islice, repeat
from pathlib import Path
from random import Random
from typing import Final, Literal, NamedTuple

from msgspec.json import decode

from hubassoc_async.emulator import Portal
from hubassoc_async.jobs.journal import Mark
from tests.jobs.kill.processes import Command, Forked

KILLS: Final = (10, 6, 2, 1, 1)
"""How often jobs are killed, one after the other: twenty times in all."""
_MOST_MORE: Final = 50  # jobs that are killed once, for kills that came too late
_GLANCE: Final = 0.001  # seconds between two looks at what a process has done

Trigger = Literal["start", "bytes", "requests", "items", "seconds", "finish"]
_ON_THE_WAY: Final[tuple[Trigger, ...]] = ("start", "bytes", "requests", "items", "seconds")


class Kill(NamedTuple):
    """When to kill: at a share of what is left of a measure when a process begins."""

    trigger: Trigger
    share: float


class Death(NamedTuple):
    """One that was killed."""

    trigger: Trigger
    done: float
    """The share of the whole that was committed."""


class Measures(NamedTuple):
    """What an undisturbed job comes to."""

    requests: int
    bytes: int
    items: int
    """Ids, pairs or changes that the journal says are done."""
    start: float
    """Seconds until the first request."""
    seconds: float
    """From then to the end."""
    finish: float
    """Seconds from the last commit to the end."""


class Outcome(NamedTuple):
    """What a job left."""

    content: object
    failures: list[dict[str, object]]
    files: list[str]
    """In the job's directory, hidden ones too."""


def plan(random: Random, numbers: Sequence[int]) -> Iterator[list[Kill]]:
    """Draw the instants of one job after the other, those of a job spread over it evenly.

    Triggers take turns, and every other job's last death is when everything is committed.
    """
    triggers = cycle(random.sample(_ON_THE_WAY, len(_ON_THE_WAY)))
    for job, number in enumerate(chain(numbers, repeat(1, _MOST_MORE))):
        chosen = [*islice(triggers, number)]
        if job < len(numbers) and job % 2 == 0:
            chosen[-1] = "finish"
        yield [Kill(one, random.uniform(0.0, _most(chosen[at:]))) for at, one in enumerate(chosen)]


def _most(triggers: list[Trigger]) -> float:
    """The largest share for the first of some that follow each other over what is left."""
    on_the_way = sum(one not in ("start", "finish") for one in triggers)
    return 1.0 if triggers[0] in ("start", "finish") else 2 / (on_the_way + 1)


class KilledJob(ABC):
    """A job in a directory of its own, begun and gone on with as often as it takes.

    ``command`` and ``environment`` say how; what it has in the end is the business of subclasses.
    """

    command: tuple[object, ...]
    environment: Mapping[str, str] = {}

    def __init__(self, portal: Portal, at: Path, process: type[Command] = Forked) -> None:
        self.portal = portal
        self.place = at / "out"
        self.place.mkdir(parents=True)
        self.journal = at / "jobs" / "killed.sqlite"
        self._process = process
        self._processes = 0
        self.deaths: list[Death] = []

    @abstractmethod
    def content(self) -> object:
        """What it has made, to be compared with what an undisturbed one has."""

    async def undisturbed(self) -> Measures:
        """Run it once, to its end."""
        asked, items, most = self._asked(), 0, 0
        process = self._start(self.command)
        begun = first = last = time.monotonic()
        while process.running:
            await sleep(_GLANCE)
            most = max(most, self._bytes())
            if self._asked() == asked:
                first = time.monotonic()
            if self._items() != items:
                items, last = self._items(), time.monotonic()
        ended = time.monotonic()
        await self._end(process)
        return Measures(
            self._asked() - asked, most, self._items(), first - begun, ended - first, ended - last
        )

    async def killed(self, kills: list[Kill], whole: Measures, random: Random) -> None:
        """Kill it at each instant, and then let it come to its end."""
        for kill in kills:
            if not await self._until_killed(kill, whole, resume=random.random() < 0.5):
                return
        await self._end(self._start(("resume", "killed") if self._begun() else self.command))

    def outcome(self) -> Outcome:
        """What is there now."""
        failures = []
        for path in (
            *self.place.glob("*failures.ndjson"),
            *self.journal.parent.glob("*failures.ndjson"),
        ):
            failures += [json.loads(line) for line in path.read_text().splitlines()]
        for failure in failures:
            del failure["at"], failure["correlation_id"]
        files = sorted(path.name for path in self.place.rglob("*"))
        return Outcome(self.content(), failures, files)

    def mark(self) -> Mark | None:
        """What the journal says.

        Read-only: whoever else closes a database last, after a death, tidies up what it has left.
        """
        try:
            with closing(sqlite3.connect(f"{self.journal.as_uri()}?mode=ro", uri=True)) as journal:
                (mark,) = journal.execute("select mark from job").fetchone()
        except sqlite3.OperationalError:  # it is not there yet, or has no table
            return None
        return decode(mark, type=Mark)

    async def _until_killed(self, kill: Kill, whole: Measures, *, resume: bool) -> bool:
        """Run one process until its instant has come; whether it was before its end."""
        due = self._due(kill, whole)
        process = self._start(("resume", "killed") if resume and self._begun() else self.command)
        while process.running:
            await sleep(_GLANCE)
            if due():
                process.kill()
                break
        done = await process.end()
        if done.status == -signal.SIGKILL:
            self.deaths.append(Death(kill.trigger, self._items() / whole.items))
            return True
        # or the process before died between its last word and its end
        assert done.status == 3 or "is complete" in done.err, done.err
        return False

    def _due(self, kill: Kill, whole: Measures) -> Callable[[], bool]:
        """What tells whether the instant of a process that begins now has come."""
        asked, size, items = self._asked(), self._bytes(), self._items()
        left = kill.share * (1 - items / whole.items)

        match kill.trigger:
            case "start":
                return _since(lambda: True, kill.share * whole.start)
            case "bytes":
                more = max(1, kill.share * (whole.bytes - size))
                return lambda: self._bytes() >= size + more
            case "requests":
                return lambda: self._asked() >= asked + max(1, left * whole.requests)
            case "items":
                return lambda: self._items() >= items + max(1, left * whole.items)
            case "seconds":
                return _since(lambda: self._asked() > asked, left * whole.seconds)
            case "finish":
                return self._finishing(kill.share * whole.finish, whole.items)

    def _finishing(self, seconds: float, items: int) -> Callable[[], bool]:
        """What tells that all is committed and either has its name or took so long to get it."""
        committed = _since(lambda: self._items() >= items, seconds)
        names: set[str] = set()

        def due() -> bool:
            if committed():
                return True
            before = set(names)
            names.update(path.name for path in self.place.iterdir())
            return names != before and self._items() >= items

        return due

    def _start(self, command: tuple[object, ...]) -> Command:
        self._processes += 1
        said = self.place.with_name(f"said-{self._processes}")
        more = {"HUBASSOC_JOBS": str(self.journal.parent), **self.environment}
        return self._process(*command, cwd=self.place, said=said, more=more)

    async def _end(self, process: Command) -> None:
        done = await process.end()
        if "is complete" in done.err:  # it was killed between its last word and its end
            return
        assert done.status == 3, done.err  # complete, and some are no ids

    def _asked(self) -> int:
        """Requests that the portal has answered."""
        return self.portal.log.operations.total()

    def _items(self) -> int:
        """How many the journal says are done; 0 while there is none."""
        mark = self.mark()
        return mark.items if mark is not None else 0

    def _begun(self) -> bool:
        return self.mark() is not None

    @abstractmethod
    def _bytes(self) -> int:
        """Of what the job writes, where that can be seen before it is committed."""


def size_of(paths: Iterable[Path]) -> int:
    """Bytes of files that come and go meanwhile."""
    total = 0
    with suppress(FileNotFoundError):  # a directory
        for path in paths:
            with suppress(FileNotFoundError):
                total += path.stat().st_size
    return total


def _since(event: Callable[[], bool], seconds: float) -> Callable[[], bool]:
    """What tells that an event was seen so long ago."""
    seen: list[float] = []

    def due() -> bool:
        if not seen and event():
            seen.append(time.monotonic())
        return bool(seen) and time.monotonic() - seen[0] >= seconds

    return due


class Kills(NamedTuple):
    """What was done to the jobs of a kind."""

    deaths: list[Death]
    expected: Outcome
    """What each of them left."""


Opened = Callable[[Path], AbstractAsyncContextManager[KilledJob]]
_known: Final[dict[str, tuple[Measures, Outcome]]] = {}
"""Undisturbed runs, by kind."""
tally: Final[dict[str, list[Death]]] = {}
"""All deaths, by kind."""


async def kill_jobs(
    kind: str, opened: Opened, at: Path, seed: int, numbers: Sequence[int] = KILLS
) -> Kills:
    """Compare jobs that were killed with one that was not, until there were kills enough."""
    if kind not in _known:
        async with opened(at / "calm") as calm:
            _known[kind] = await calm.undisturbed(), calm.outcome()
    whole, expected = _known[kind]
    random = Random(f"{kind} {seed}")
    kills = Kills([], expected)
    for number, instants in enumerate(plan(random, numbers)):
        async with opened(at / f"killed_{number}") as job:
            await job.killed(instants, whole, random)
            assert job.outcome() == expected, (instants, job.deaths)
        kills.deaths.extend(job.deaths)
        tally.setdefault(kind, []).extend(job.deaths)
        if len(kills.deaths) >= sum(numbers):
            return kills
    raise AssertionError(f"processes end before they can be killed: {kills.deaths}")
