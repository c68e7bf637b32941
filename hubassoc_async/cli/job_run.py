"""Runs one job as a command does: display, signals, summary, exit status.

Knows: the client's options, terminals. Does not know: how arguments are spelt, what the job does.
"""

import asyncio
import contextlib
import logging
import os
import signal
import sys
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Final, Generic, Protocol, TypeVar

import msgspec
from rich.console import Console
from rich.text import Text

from hubassoc_async.cli.connecting import Connection
from hubassoc_async.cli.display import ConsoleLog, Display, Shown, counted, duration
from hubassoc_async.client import AssociationsClient
from hubassoc_async.errors import DailyQuotaSpent, HubAssocError, UsageError
from hubassoc_async.jobs.files import open_target
from hubassoc_async.jobs.parking import Parked
from hubassoc_async.jobs.remains import Remains

P = TypeVar("P", bound=Shown)
P_co = TypeVar("P_co", bound=Shown, covariant=True)

COMPLETE: Final = 0
ERROR: Final = 1
USAGE: Final = 2
SOME_FAILED: Final = 3
DAILY_QUOTA: Final = 4
SIGNAL: Final = 128
"""Plus the number of the signal, as shells have it."""


class Job(Protocol[P_co]):
    """What is run."""

    @property
    def complete(self) -> bool:
        """Whether everything has its outcome and the files are there."""

    async def run(self) -> object:
        """Work to the end, or raise what stopped it."""

    def progress(self) -> P_co:
        """How far it is now."""


class JobOptions(Connection, kw_only=True):
    """What every job is told."""

    summary: Path | None = None
    bar: bool = True
    """Whether there may be a bar; not where the output itself is on the terminal."""

    @property
    def title(self) -> str:
        """What is done."""
        raise AttributeError("a job has a title of its own")


class JobRun(ABC, Generic[P]):
    """One job, run to its end or to what stops it."""

    def __init__(self, options: JobOptions, console: Console, *, unit: str) -> None:
        """``unit``: what is counted, one of them."""
        self._options = options
        self._console = console
        self._unit = unit
        self._log = ConsoleLog(console, logging.DEBUG if options.verbose else logging.WARNING)
        self._signal: int | None = None
        self._stop: BaseException | None = None
        self.progress: P | None = None
        """How far it got, once it has ended."""

    def __call__(self) -> int:
        """Run it. Returns the exit status."""
        try:
            with show_log(self._log):
                return asyncio.run(self._run())
        finally:
            self._close()

    @abstractmethod
    def _open(self, client: AssociationsClient) -> Job[P]:
        """Make the job. Raises ``UsageError``."""

    @abstractmethod
    def _close(self) -> None:
        """Let go of every file."""

    @abstractmethod
    def _done(self) -> None:
        """Tidy up after a job that is complete."""

    @abstractmethod
    def _summary(self, progress: P) -> msgspec.Struct | None:
        """What ``--summary`` writes; None: nothing, for there is nothing to sum up."""

    @abstractmethod
    def _summary_lines(self, progress: P) -> Iterator[str]:
        """What is said at the end."""

    @abstractmethod
    def _files(self) -> Iterator[str]:
        """Where everything is, as far as it cannot be known from the command."""

    async def _run(self) -> int:
        self._listen()
        job: Job[P] | None = None
        try:
            async with self._options.client() as client:
                job = self._open(client)
                await self._watch(job)
                if not job.complete:  # it was told to stop
                    raise asyncio.CancelledError  # noqa: TRY301
                self._done()
        except (HubAssocError, OSError, asyncio.CancelledError) as stop:
            if job is None or not job.complete:
                self._stop = stop
        return self._report(job)

    async def _watch(self, job: Job[P]) -> None:
        if self._options.quiet:
            await self._work(job)
            return
        options = self._options
        trouble = str if options.verbose else lambda: self._log.latest
        display = Display(
            self._console,
            options.title,
            job.progress,
            unit=self._unit,
            trouble=trouble,
            bar=options.bar,
        )
        shown = asyncio.create_task(display.run())
        try:
            await self._work(job)
        finally:
            shown.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await shown

    async def _work(self, job: Job[P]) -> None:
        await job.run()

    def _listen(self) -> None:
        """Let the first SIGINT or SIGTERM stop the job, and a second one the process."""
        loop = asyncio.get_running_loop()
        task = asyncio.current_task()
        signals = (signal.SIGINT, signal.SIGTERM)

        def stop(number: int) -> None:
            self._signal = number
            for one in signals:
                loop.remove_signal_handler(one)
            assert task is not None
            self._interrupt(task)

        for one in signals:
            with contextlib.suppress(NotImplementedError):  # Windows: asyncio.run has SIGINT
                loop.add_signal_handler(one, stop, one)

    def _interrupt(self, task: "asyncio.Task[object]") -> None:
        """Stop the job that a task runs."""
        task.cancel()

    def _report(self, job: Job[P] | None) -> int:
        status = self._status(job)
        if self._stop is not None:
            self._say(f"Error: {self._reason()}", style="red")
        if job is None:
            return status
        progress = self.progress = job.progress()
        if self._options.summary is not None:
            summary = self._summary(progress)
            if summary is not None:
                write = partial(write_json, content=summary)
                status = self._saved("--summary", self._options.summary, write, status)
        if not self._options.quiet:
            for line in self._summary_lines(progress):
                self._say(line)
        for line in self._files():
            self._say(line)
        return status

    def _saved(self, option: str, path: Path, write: Callable[[Path], None], status: int) -> int:
        """Write a file about what was done. Returns the exit status."""
        try:
            write(path)
        except OSError as error:
            self._say(f"Error: {option}: cannot write {path}: {error.strerror}", style="red")
            return status or ERROR
        return status

    def _status(self, job: Job[P] | None) -> int:
        match self._stop:
            case None:
                return SOME_FAILED if job is not None and job.progress().failed else COMPLETE
            case asyncio.CancelledError():
                return SIGNAL + (self._signal or signal.SIGINT)
            case DailyQuotaSpent():
                return DAILY_QUOTA
            case UsageError():
                return USAGE
            case _:
                return ERROR

    def _reason(self) -> str:
        stop = self._stop
        if isinstance(stop, asyncio.CancelledError):
            return f"stopped by {signal.Signals(self._signal or signal.SIGINT).name}"
        if isinstance(stop, BrokenPipeError):
            _drop_stdout()
            return "whoever read the output has closed it"
        if isinstance(stop, DailyQuotaSpent) and not isinstance(stop, Parked):
            return f"{stop} The quota resets at midnight in the account's time zone."
        if isinstance(stop, OSError) and stop.strerror and not isinstance(stop, HubAssocError):
            name = "" if stop.filename is None else f": {stop.filename}"
            return f"{stop.strerror}{name}"
        return str(stop) or type(stop).__name__

    def _say(self, text: str, style: str = "") -> None:
        self._console.print(Text(text, style=style), soft_wrap=True)


def done_line(title: str, progress: Shown, unit: str, *, before: int = 0) -> str:
    """Say how much was done in what time; ``before``: how much of it in earlier runs."""
    now = progress.done - before
    rate = now / progress.seconds if progress.seconds else 0.0
    done = f"{title}: {counted(progress.done, unit)}"
    if before:
        done += f", {now:,} of them in this run,"
    return f"{done} in {_seconds(progress.seconds)} ({rate:,.0f} {unit}s/s)"


def requests_line(progress: Shown) -> str:
    """Say what it took."""
    return (
        f"  {counted(progress.requests, 'request')}, {counted(progress.retries, 'retry')}, "
        f"{progress.rate_limited:,} rate limited"
    )


def remains_line(what: str, remains: Remains, unit: str, option: str) -> str:
    """Say where what remains is listed, and whether all of it is."""
    line = f"  {what}: {remains.path} ({counted(remains.count, unit)}"
    if remains.whole:
        return f"{line}; go on with {option} {remains.path})"
    return f"{line} had come; the input was not read to its end: what it had left is not there)"


def _seconds(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 60 else duration(seconds)


def write_json(path: Path, content: msgspec.Struct) -> None:
    """Write one object into a file that appears when it is whole."""
    file = open_target(path)
    try:
        file.file.write(msgspec.json.encode(content) + b"\n")
        file.commit()
    finally:
        file.abort()


@contextlib.contextmanager
def show_log(handler: logging.Handler) -> Iterator[None]:
    """Give a handler the package's log lines, and warnings with them."""
    logger = logging.getLogger("hubassoc_async")
    level = logger.level
    logger.setLevel(logging.DEBUG)
    logger.addHandler(handler)

    def show(message: Warning | str, *_: object, **__: object) -> None:
        logger.warning("%s", message)

    try:
        with warnings.catch_warnings():
            warnings.showwarning = show
            yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


def _drop_stdout() -> None:
    """Let what is still held back go nowhere: it would fail again as the process ends."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
