"""A sink killed at every instant of its own: ``python -m tests.jobs.dying`` does the killing.

An export that is all sink (chunks are there at once, the journal is a file) runs in a forked
process that kills itself at its nth step: a step is a call that the sinks' modules make or take.
Another process then goes on with it to the end. Both are told on the command line:

    python -m tests.jobs.dying TARGET FOLDER STEPS     {n} in TARGET is the step

makes an undisturbed export, whose {n} is "all", and kills one at each of some steps, which it
prints: a number of them, spread over all, or "first:by" for those from the first on.
"""

import os
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Any

import duckdb  # noqa: F401  forked processes have it already
import msgspec
import psycopg  # noqa: F401
import pyarrow.parquet  # noqa: F401

from hubassoc_async.jobs import job_sink
from hubassoc_async.jobs.files import sync_directory
from hubassoc_async.jobs.job_sinks import open_job_sink
from hubassoc_async.jobs.journal import Mark
from tests.jobs.stores import CHUNKS

MODULES = str(Path(job_sink.__file__).parent)
NEVER = sys.maxsize


def export(target: str, journal: Path) -> None:
    """Begin an export, or go on with it, as a job does."""
    sink = open_job_sink(target, "contacts", "companies", job=f"job {target.rpartition('/')[2]}")
    mark = msgspec.json.decode(journal.read_bytes(), type=Mark) if journal.exists() else Mark()
    mark = sink.resume(mark)
    done = 0
    for chunk in CHUNKS:
        done += len(chunk)
        if done <= mark.items:
            continue
        assert done - len(chunk) == mark.items, "a chunk is done or not"
        mark = Mark(items=done, positions=dict(mark.positions))
        sink.write(chunk)
        sink.commit(mark)
        commit(journal, mark)
    sink.finish()


def commit(journal: Path, mark: Mark) -> None:
    """Note how far it is, in one step."""
    new = journal.with_suffix(".new")
    new.write_bytes(msgspec.json.encode(mark))
    new.replace(journal)


class Steps:
    """Counts the calls of the sinks' modules, and dies at one of them."""

    def __init__(self, last: int) -> None:
        self.count = 0
        self._last = last

    def __call__(self, frame: FrameType, event: str, _argument: Any) -> None:
        """Take an event of the interpreter: a call begins or ends."""
        if frame.f_code.co_filename.startswith(MODULES):
            self.count += 1
            if self.count > self._last:
                os.kill(os.getpid(), signal.SIGKILL)


def run(target: str, journal: Path, last: int = NEVER) -> int:
    """Export in a process of its own, which dies at step ``last``; its status."""
    process = os.fork()
    if process:
        return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    steps = Steps(last)
    sys.setprofile(steps)
    try:
        export(target, journal)
    except BaseException:
        sys.setprofile(None)
        sys.excepthook(*sys.exc_info())
        sys.stderr.flush()
        os._exit(1)
    sys.setprofile(None)
    if last == NEVER:
        journal.with_name("steps").write_text(str(steps.count))
    os._exit(0)


def spread(steps: str, last: int) -> list[int]:
    """Some of the steps up to the last, as they are told on the command line."""
    if ":" in steps:
        first, by = map(int, steps.split(":"))
        return [*range(first, last + by, by)]
    return [1 + (last - 2) * at // (int(steps) - 1) for at in range(int(steps))]


def main(target: str, folder: Path, steps: str) -> None:
    """Export undisturbed, and then kill at each of some steps."""
    sync_directory(folder)
    assert run(target.format(n="all"), folder / "all.mark") == 0
    last = int((folder / "steps").read_text())
    assert last > 100
    sys.stdout.write(f"{' '.join(map(str, spread(steps, last)))}\n")
    sys.stdout.flush()
    for n in spread(steps, last):
        assert run(target.format(n=n), folder / f"{n}.mark", n) in (0, -signal.SIGKILL)
        assert run(target.format(n=n), folder / f"{n}.mark") == 0


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3])
