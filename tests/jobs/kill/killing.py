"""Jobs as real processes that are killed: by the clock, by what they asked, by what they wrote.

Processes start the same way each time and die at instants drawn from a seed, so that the kills are
spread over everything that a job does, and what is found can be found again.
"""

import asyncio
import json
import signal
import time
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Literal, NamedTuple

from hubassoc_async.emulator import Portal
from hubassoc_async.jobs.journal import find_job, has_job
from tests.cli.command import QUIET_QUOTA, finish, start
from tests.jobs.kill.sinks import KilledSink

IDS = 24_000
FIRST = 1_001
NOT_IDS = 40
"""Inputs that are no ids, spread over the file: failures that every run must have once."""

Trigger = Literal["requests", "bytes", "commits", "seconds"]
TRIGGERS: tuple[Trigger, ...] = ("bytes", "commits", "requests", "seconds")


class Kill(NamedTuple):
    """When to kill: at a share of what is left to ask, write or commit; 0 is as it begins."""

    trigger: Trigger
    share: float


class Measures(NamedTuple):
    """How far a job is, or what the whole of it comes to."""

    requests: float
    bytes: float
    commits: float
    """Ids that the journal says are done."""
    seconds: float
    """Since the first request of a process."""


class Outcome(NamedTuple):
    """What a job left."""

    content: object
    failures: list[dict[str, object]]
    files: list[str]
    """In the job's directory, hidden ones too."""


def kills(seed: int, number: int) -> list[Kill]:
    """Draw instants; the triggers take turns. The last one may come too late."""
    random = Random(seed)
    latest = [0.8] * (number - 1) + [1.02]
    return [
        Kill(TRIGGERS[(seed + at) % len(TRIGGERS)], random.uniform(0.0, most))
        for at, most in enumerate(latest)
    ]


class KilledJob:
    """One export in a directory of its own, begun and gone on with as often as it takes."""

    def __init__(self, sink: KilledSink, portal: Portal, url: str, at: Path, ids: Path) -> None:
        self.sink = sink
        self.portal = portal
        self.place = at / "out"
        self.place.mkdir(parents=True)
        self._journals = at / "jobs"
        self._environment = {"HUBASSOC_JOBS": str(self._journals), **sink.environment}
        ends = ("--base-url", url, "--quota", QUIET_QUOTA, "--concurrency", "2")
        self._begin: tuple[object, ...] = (
            *("export", "contacts", "companies", "--ids", ids, "--job", "killed"),
            *("--to", sink.target(self.place), *ends),
        )
        self.died: list[int] = []
        """How many ids were done when a process was killed."""

    async def undisturbed(self) -> Measures:
        """Run it once, to its end."""
        asked, started = self._asked(), time.monotonic()
        process = await self._start(self._begin)
        while self._asked() == asked and process.returncode is None:
            await asyncio.sleep(0.001)
            started = time.monotonic()
        await self._end(process)
        return self._now(asked, started)

    async def killed(self, instants: list[Kill], whole: Measures) -> None:
        """Kill it at each instant, and then let it come to its end."""
        for number, kill in enumerate(instants):
            if not await self._until_killed(kill, whole, resume=bool(number % 2)):
                return
        command = ("resume", "killed") if self._begun() else self._begin
        await self._end(await self._start(command))

    def outcome(self) -> Outcome:
        """What is there now."""
        failures = []
        for path in (
            *self.place.glob("*failures.ndjson"),
            *self._journals.glob("*failures.ndjson"),
        ):
            failures += [json.loads(line) for line in path.read_text().splitlines()]
        for failure in failures:
            del failure["at"]
        files = sorted(path.name for path in self.place.rglob("*"))
        return Outcome(self.sink.content(self.place), failures, files)

    async def _until_killed(self, kill: Kill, whole: Measures, *, resume: bool) -> bool:
        """Run one process until its instant has come; whether it was before its end."""
        command = ("resume", "killed") if resume and self._begun() else self._begin
        asked, started = self._asked(), time.monotonic()
        at_first: Measures | None = None
        process = await self._start(command)
        while process.returncode is None:
            await asyncio.sleep(0.001)
            if self._asked() == asked and kill.share > 0.02:
                started = time.monotonic()
                continue
            now = self._now(asked, started)
            at_first = at_first or now
            left = self._left(kill, whole, at_first)
            if getattr(now, kill.trigger) - getattr(at_first, kill.trigger) >= left * kill.share:
                process.kill()
                break
        done = await finish(process)
        if done.status == -signal.SIGKILL:
            self.died.append(self._items())
            return True
        # or the process before died between its last word and its end
        assert done.status == 3 or "is complete" in done.err, done.err
        return False

    def _left(self, kill: Kill, whole: Measures, at_first: Measures) -> float:
        """What is left of the whole when a process begins."""
        if kill.trigger in ("bytes", "commits"):
            return float(getattr(whole, kill.trigger) - getattr(at_first, kill.trigger))
        return float(getattr(whole, kill.trigger) * (1 - at_first.commits / whole.commits))

    def _now(self, asked: int, started: float) -> Measures:
        """How far it is: ``asked`` requests were sent before this process, at ``started``."""
        return Measures(
            requests=self._asked() - asked,
            bytes=self._bytes(),
            commits=self._items(),
            seconds=time.monotonic() - started,
        )

    async def _start(self, command: tuple[object, ...]) -> asyncio.subprocess.Process:
        return await start(*command, cwd=self.place, more=self._environment)

    async def _end(self, process: asyncio.subprocess.Process) -> None:
        done = await finish(process)
        if "is complete" in done.err:  # it was killed between its last word and its end
            return
        assert done.status == 3, done.err  # complete, and some are no ids

    def _asked(self) -> int:
        """Requests that the portal has answered."""
        return self.portal.log.operations.total()

    def _items(self) -> int:
        """How many ids the journal says are done; 0 while there is none."""
        return find_job("killed", self._journals).mark.items if self._begun() else 0

    def _begun(self) -> bool:
        return has_job("killed", self._journals)

    def _bytes(self) -> int:
        """Of what the job writes, but for its journal."""
        total = 0
        for path in self.place.rglob("*"):
            with suppress(FileNotFoundError):  # it has just taken its name
                total += path.stat().st_size
        return total


def write_ids(path: Path) -> None:
    """Ids in no order, with repeats far apart and lines that are no ids."""
    random = Random(7)
    ids = [str(one) for one in range(FIRST, FIRST + IDS)]
    random.shuffle(ids)
    lines = ids + ids[:200]
    for number in range(NOT_IDS):
        lines.insert(random.randrange(len(lines)), f"no id {number}")
    path.write_text("id\n" + "".join(f"{line}\n" for line in lines))
