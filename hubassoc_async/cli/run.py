"""Runs one read as a command does: display, signals, summary, exit status.

Knows: jobs, the client's options, terminals. Does not know: how arguments are spelt.
"""

import asyncio
import contextlib
import logging
import os
import signal
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec
from rich.console import Console
from rich.text import Text

from hubassoc_async.cli.display import ConsoleLog, Display, counted, duration
from hubassoc_async.client import AssociationsClient
from hubassoc_async.errors import DailyQuotaSpent, HubAssocError, UsageError
from hubassoc_async.jobs import Progress, ReadJob
from hubassoc_async.jobs.files import open_target
from hubassoc_async.jobs.sinks import FailureSink, Sink
from hubassoc_async.jobs.sources import IdFile
from hubassoc_async.pacing import Quota

COMPLETE: Final = 0
ERROR: Final = 1
USAGE: Final = 2
SOME_FAILED: Final = 3
DAILY_QUOTA: Final = 4
SIGNAL: Final = 128
"""Plus the number of the signal, as shells have it."""


class ReadOptions(msgspec.Struct, kw_only=True):
    """Everything that one read is told."""

    from_object_type: str
    to_object_type: str
    source: IdFile
    sink: Sink
    failures: FailureSink
    unread: Path | None = None
    summary: Path | None = None
    token: str
    api_version: str
    base_url: str
    quota: Quota
    concurrency: int
    verbose: bool = False
    quiet: bool = False
    bar: bool = True
    """Whether there may be a bar; not where the output itself is on the terminal."""

    @property
    def title(self) -> str:
        """What is read."""
        return f"{self.from_object_type} → {self.to_object_type}"


class Summary(msgspec.Struct):
    """What ``--summary`` writes."""

    ids: int
    found: int
    none: int
    failed: int
    associations: int
    requests: int
    retries: int
    rate_limited: int
    seconds: float


class Run:
    """One read, run to its end or to what stops it."""

    def __init__(self, options: ReadOptions, console: Console) -> None:
        self._options = options
        self._console = console
        self._log = ConsoleLog(console, logging.DEBUG if options.verbose else logging.WARNING)
        self._signal: int | None = None
        self._stop: BaseException | None = None
        self.progress: Progress | None = None
        """How far it got, once it has ended."""

    def __call__(self) -> int:
        """Run it. Returns the exit status."""
        options = self._options
        try:
            with _logging(self._log):
                return asyncio.run(self._run())
        finally:
            options.sink.abort()
            options.failures.abort()
            options.source.close()

    async def _run(self) -> int:
        options = self._options
        self._listen()
        job: ReadJob | None = None
        try:
            async with AssociationsClient(
                options.token,
                api_version=options.api_version,
                base_url=options.base_url,
                quota=options.quota,
                concurrency=options.concurrency,
            ) as client:
                job = ReadJob(
                    client,
                    options.from_object_type,
                    options.to_object_type,
                    options.source,
                    options.sink,
                    failures=options.failures,
                    unread=options.unread,
                )
                await self._watch(job)
                self._remove_stale()
        except (HubAssocError, OSError, asyncio.CancelledError) as stop:
            if job is None or not job.complete:
                self._stop = stop
        return self._report(job)

    async def _watch(self, job: ReadJob) -> None:
        if self._options.quiet:
            await job.run()
            return
        options = self._options
        trouble = str if options.verbose else lambda: self._log.latest
        display = Display(
            self._console, options.title, job.progress, trouble=trouble, bar=options.bar
        )
        shown = asyncio.create_task(display.run())
        try:
            await job.run()
        finally:
            shown.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await shown

    def _remove_stale(self) -> None:
        """Remove the list of what an earlier read had not read, unless it is what was read now."""
        stale, ids = self._options.unread, self._options.source.path
        if stale is None or not stale.is_file():
            return
        if ids is None or not ids.exists() or not stale.samefile(ids):
            stale.unlink()

    def _listen(self) -> None:
        """Let the first SIGINT or SIGTERM stop the read, and a second one the process."""
        loop = asyncio.get_running_loop()
        task = asyncio.current_task()
        signals = (signal.SIGINT, signal.SIGTERM)

        def stop(number: int) -> None:
            self._signal = number
            for one in signals:
                loop.remove_signal_handler(one)
            assert task is not None
            task.cancel()

        for one in signals:
            with contextlib.suppress(NotImplementedError):  # Windows: asyncio.run has SIGINT
                loop.add_signal_handler(one, stop, one)

    def _report(self, job: ReadJob | None) -> int:
        status = self._status(job)
        if self._stop is not None:
            self._say(f"Error: {self._reason()}", style="red")
        if job is None:
            return status
        progress = self.progress = job.progress()
        if self._options.summary is not None:
            _write_summary(self._options.summary, progress)
        if not self._options.quiet:
            for line in _summary_lines(self._options.title, progress):
                self._say(line)
            if skipped := self._options.source.skipped:
                self._say(f"  {counted(skipped, 'row')} without an id passed over")
        for line in self._files(job):
            self._say(line)
        return status

    def _status(self, job: ReadJob | None) -> int:
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
        if isinstance(stop, DailyQuotaSpent):
            return f"{stop} The quota resets at midnight in the account's time zone."
        if isinstance(stop, OSError) and stop.strerror and not isinstance(stop, HubAssocError):
            name = "" if stop.filename is None else f": {stop.filename}"
            return f"{stop.strerror}{name}"
        return str(stop) or type(stop).__name__

    def _files(self, job: ReadJob) -> Iterator[str]:
        """Where everything is, as far as it cannot be known from the command."""
        stopped = self._stop is not None
        if job.output is not None and (stopped or not self._options.quiet):
            yield f"  {'read so far' if stopped else 'output'}: {job.output}"
        if job.failures is not None:
            yield f"  failures: {job.failures}"
        if job.unread is not None:
            rest = counted(job.remaining, "id")
            yield f"  not read: {job.unread} ({rest}; go on with --ids {job.unread})"
        elif stopped and job.output is None and not self._options.sink.blocks:
            yield "  no file was written"

    def _say(self, text: str, style: str = "") -> None:
        self._console.print(Text(text, style=style), soft_wrap=True)


def _summary_lines(title: str, progress: Progress) -> Iterator[str]:
    rate = progress.ids / progress.seconds if progress.seconds else 0.0
    took = _seconds(progress.seconds)
    yield f"{title}: {counted(progress.ids, 'id')} in {took} ({rate:,.0f} ids/s)"
    yield (
        f"  {progress.found:,} found, {progress.none:,} none, {progress.failed:,} failed; "
        f"{counted(progress.associations, 'association')}"
    )
    yield (
        f"  {counted(progress.requests, 'request')}, {counted(progress.retries, 'retry')}, "
        f"{progress.rate_limited:,} rate limited"
    )


def _seconds(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 60 else duration(seconds)


def _write_summary(path: Path, progress: Progress) -> None:
    summary = Summary(
        ids=progress.ids,
        found=progress.found,
        none=progress.none,
        failed=progress.failed,
        associations=progress.associations,
        requests=progress.requests,
        retries=progress.retries,
        rate_limited=progress.rate_limited,
        seconds=round(progress.seconds, 3),
    )
    file = open_target(path)
    try:
        file.file.write(msgspec.json.encode(summary) + b"\n")
        file.commit()
    finally:
        file.abort()


@contextlib.contextmanager
def _logging(handler: logging.Handler) -> Iterator[None]:
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
