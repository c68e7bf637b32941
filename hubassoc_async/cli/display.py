"""What a person sees of a job: a live bar on a terminal, a line now and then elsewhere.

Knows: terminals. Does not know: what is done, and how.
"""

import asyncio
import io
import logging
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from rich.console import Console, Group
from rich.constrain import Constrain
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_REFRESH = 0.2  # seconds between two pictures on a terminal
_LINE_EVERY = 10.0  # seconds between two lines where there is none
_MEMORY = 30.0  # seconds that the rate looks back: some windows of the quota


class Shown(Protocol):
    """What is to be seen of the progress of a job."""

    @property
    def total(self) -> int | None:
        """How many there are; None when that cannot be told."""

    @property
    def exact(self) -> bool:
        """Whether ``total`` is counted rather than estimated."""

    @property
    def done(self) -> int:
        """How many are done, failed ones included."""

    @property
    def failed(self) -> int:
        """How many of them failed."""

    @property
    def requests(self) -> int:
        """Requests sent."""

    @property
    def retries(self) -> int:
        """Requests sent again."""

    @property
    def rate_limited(self) -> int:
        """Answers that said 429."""

    @property
    def quota_share(self) -> float:
        """Share of the quota in use now, 0 to 1."""

    @property
    def seconds(self) -> float:
        """Since the start."""


class Display:
    """Shows the progress of one job on stderr until it is cancelled."""

    def __init__(
        self,
        console: Console,
        title: str,
        progress: Callable[[], Shown],
        *,
        unit: str = "id",
        trouble: Callable[[], str] = str,
        bar: bool = True,
    ) -> None:
        """``unit``: what is counted, one of them.

        ``trouble``: what was last reported, shown while nothing else goes on. ``bar``: whether
        there may be one. It is only on a terminal.
        """
        self._console = console
        self._title = title
        self._trouble = trouble
        self._unit = unit
        self._bar = bar and console.is_terminal
        self._progress = progress
        start = progress()
        self._samples: deque[tuple[float, int]] = deque([(start.seconds, start.done)])

    async def run(self) -> None:
        """Show progress until cancelled."""
        if not self._bar:
            while True:
                await asyncio.sleep(_LINE_EVERY)
                self._console.print(self._line(self._sample()), soft_wrap=True)
        with Live(console=self._console, auto_refresh=False, transient=True) as live:
            while True:
                live.update(self._picture(self._sample()), refresh=True)
                await asyncio.sleep(_REFRESH)

    def _sample(self) -> Shown:
        now = self._progress()
        self._samples.append((now.seconds, now.done))
        while len(self._samples) > 2 and self._samples[1][0] < now.seconds - _MEMORY:
            self._samples.popleft()
        return now

    def _rate(self) -> float:
        """Ids a second, lately."""
        (start, before), (end, after) = self._samples[0], self._samples[-1]
        return (after - before) / (end - start) if end > start else 0.0

    def _picture(self, now: Shown) -> Group:
        grid = Table.grid(padding=(0, 1), expand=True)
        grid.add_column(no_wrap=True)
        grid.add_column(ratio=1)
        grid.add_column(no_wrap=True, justify="right")
        grid.add_column(no_wrap=True, justify="right", min_width=4)
        total = max(now.total, now.done) if now.total is not None else None
        bar = ProgressBar(total=total, completed=now.done, pulse=total is None)
        share = f"{100 * now.done // total}%" if total else ""
        grid.add_row(Text(self._title, style="bold"), bar, _done(now, self._unit), share)
        lines = [Text(self._status(now), "dim", no_wrap=True, overflow="ellipsis")]
        if trouble := self._stalled(now):
            lines.append(Text(trouble, "yellow"))
        # not to the edge: there the ^C that a terminal echoes would begin a line of its own
        return Group(grid, Constrain(Group(*lines), max(self._console.width - 3, 1)))

    def _line(self, now: Shown) -> str:
        trouble = self._stalled(now)
        more = f" · {trouble}" if trouble else ""
        return f"{self._title}: {_done(now, self._unit)} · {self._status(now)}{more}"

    def _stalled(self, now: Shown) -> str:
        """Why nothing goes on, if nothing does: else one waits and does not know for what."""
        return self._trouble() if now.retries and not self._rate() else ""

    def _status(self, now: Shown) -> str:
        rate = self._rate()
        parts = [
            f"{rate:,.0f} {self._unit}s/s",
            counted(now.requests, "request"),
            f"quota {now.quota_share:.0%}",
            counted(now.retries, "retry"),
        ]
        if now.rate_limited:
            parts.append(f"{now.rate_limited:,} rate limited")
        if now.failed:
            parts.append(f"{now.failed:,} failed")
        if now.total is not None and rate:
            parts.append(f"{duration(max(now.total - now.done, 0) / rate)} left")
        return " · ".join(parts)


class ConsoleLines(io.RawIOBase):
    """Lines of bytes on the console, above the bar rather than through it."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def writable(self) -> bool:
        """Yes."""
        return True

    def write(self, lines: "ReadableBuffer") -> int:
        """Print some whole lines."""
        data = bytes(lines)
        self._console.print(Text(data.decode().removesuffix("\n")), soft_wrap=True)
        return len(data)


class ConsoleLog(logging.Handler):
    """Log lines on the console, above the bar rather than through it."""

    def __init__(self, console: Console, shown: int) -> None:
        """``shown``: the level from which lines are printed. The latest of any is remembered."""
        super().__init__()
        self._console = console
        self._shown = shown
        self.latest = ""

    def emit(self, record: logging.LogRecord) -> None:
        """Remember one line, and print it if it is to be shown."""
        self.latest = record.getMessage()
        if record.levelno < self._shown:
            return
        text = f"{record.levelname.lower()}: {self.latest}"
        self._console.print(Text(text, style="yellow"), soft_wrap=True)


def counted(number: int, thing: str) -> str:
    """A number of things: ``1 id``, ``2,000 ids``, ``3 retries``."""
    if number != 1:
        thing = f"{thing[:-1]}ies" if thing.endswith("y") else f"{thing}s"
    return f"{number:,} {thing}"


def duration(seconds: float) -> str:
    """Seconds as a person says them: ``4 s``, ``3 min 20 s``, ``2 h 5 min``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60:,} h {minutes % 60} min"


def local_time(seconds: float) -> str:
    """Seconds since 1970 as a date and time of this machine."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))


def _done(now: Shown, unit: str) -> str:
    if now.total is None:
        return counted(now.done, unit)
    if now.exact:
        return f"{now.done:,} of {counted(now.total, unit)}"
    estimate = max(now.total, now.done)
    digits = max(len(str(estimate)) - 3, 0)  # three of them are known at best
    return f"{now.done:,} of ≈{round(estimate, -digits):,} {unit}s"
