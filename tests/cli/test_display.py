"""What a person sees of a read."""

import asyncio
import contextlib
import io
import os
import pty
from pathlib import Path

import pytest
from rich.console import Console

from hubassoc_async.cli import display
from hubassoc_async.cli.display import Display, counted, duration
from hubassoc_async.jobs import Progress
from tests.cli.command import start


def progress(ids: int, seconds: float, total: int | None, *, exact: bool = False) -> Progress:
    """How far a read is that found everything."""
    return Progress(
        total=total,
        exact=exact,
        found=ids,
        none=0,
        failed=0,
        associations=ids * 3,
        requests=12,
        retries=1,
        rate_limited=0,
        quota_share=0.4,
        seconds=seconds,
    )


async def shown(console: Console, *steps: Progress, trouble: str = "") -> None:
    """Show some steps one after the other."""
    given = iter((progress(0, 0.0, None), *steps))  # it looks once before it begins
    over = asyncio.Event()

    def give() -> Progress:
        try:
            return next(given)
        except StopIteration:
            over.set()
            return steps[-1]

    task = asyncio.create_task(
        Display(console, "contacts → companies", give, trouble=lambda: trouble).run()
    )
    await over.wait()
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def test_lines_without_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no terminal there is a plain line now and then, with no control codes."""
    monkeypatch.setattr(display, "_LINE_EVERY", 0.0)
    text = io.StringIO()
    console = Console(file=text, width=40)
    steps = [progress(1_000, 1.0, 49_876), progress(3_000, 2.0, 50_000, exact=True)]
    await shown(console, *steps)
    lines = text.getvalue().splitlines()
    assert lines[0] == (
        "contacts → companies: 1,000 of ≈49,900 ids · 1,000 ids/s · 12 requests · quota 40% · "
        "1 retry · 49 s left"
    )
    assert lines[1].startswith("contacts → companies: 3,000 of 50,000 ids · 1,500 ids/s")
    assert lines[1].endswith("31 s left")


async def test_bar_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal there is a bar with the share that is done, and figures under it."""
    monkeypatch.setattr(display, "_REFRESH", 0.0)
    text = io.StringIO()
    console = Console(file=text, width=100, force_terminal=True, color_system=None)
    await shown(console, progress(1_000, 1.0, 4_000, exact=True), progress(2_000, 2.0, None))
    pictures = text.getvalue()
    assert "━━━━" in pictures
    assert "1,000 of 4,000 ids  25%" in pictures
    assert "1,000 ids/s · 12 requests · quota 40% · 1 retry · 3 s left" in pictures
    assert "2,000 ids " in pictures  # no total, no share, no time left
    assert "\x1b[?25h" in pictures  # the cursor is back


@pytest.mark.parametrize("terminal", [True, False])
async def test_stalled(monkeypatch: pytest.MonkeyPatch, terminal: bool) -> None:
    """While nothing goes on it is shown why, and not once it goes on again."""
    monkeypatch.setattr(display, "_REFRESH" if terminal else "_LINE_EVERY", 0.0)
    for ids, expected in ((0, True), (1_000, False)):
        text = io.StringIO()
        console = Console(file=text, width=100, force_terminal=terminal, color_system=None)
        await shown(console, progress(ids, 9.0, None), trouble="no connection")
        assert ("no connection" in text.getvalue()) == expected


async def test_narrow_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """A narrow terminal never makes the picture more than two lines high."""
    monkeypatch.setattr(display, "_REFRESH", 0.0)
    text = io.StringIO()
    console = Console(file=text, width=30, force_terminal=True, color_system=None)
    await shown(console, progress(1_000, 1.0, 4_000), progress(1_000, 1.0, 4_000))
    assert text.getvalue().split("\x1b[?25l")[1].split("\r")[0].count("\n") == 1


async def test_on_a_pseudo_terminal(url: str, ids: Path, tmp_path: Path) -> None:
    """A whole command on a terminal shows a bar, takes it away, and ends with its summary."""
    ours, theirs = pty.openpty()
    os.set_blocking(ours, False)
    command = ("read", "contacts", "companies", "--base-url", url, "--quota", "1000/1")
    process = await start(
        *command,
        "--ids",
        ids,
        "--output",
        "x.ndjson",
        cwd=tmp_path,
        stderr=theirs,
        more={"COLUMNS": "100"},
    )
    await process.communicate()
    assert process.returncode == 0
    os.close(theirs)
    said = b""
    with contextlib.suppress(OSError):
        while some := os.read(ours, 1 << 16):
            said += some
    os.close(ours)
    text = said.decode()
    assert "━━━━" in text
    assert text.index("━━━━") < text.index("3,000 ids in")
    assert "output: x.ndjson" in text


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.4, "0 s"),
        (59.4, "59 s"),
        (200, "3 min 20 s"),
        (7_500, "2 h 5 min"),
        (1e7, "2,777 h 46 min"),
    ],
)
def test_duration(seconds: float, said: str) -> None:
    """Times are in the unit that a person would use."""
    assert duration(seconds) == said


def test_counted() -> None:
    """One thing is in the singular."""
    assert [counted(1, "retry"), counted(2_000, "retry"), counted(0, "id")] == [
        *("1 retry", "2,000 retries", "0 ids")
    ]
