"""Plans that nobody asked for: beside the journals, and gone with the job that applies them.

Knows: how they are called, which jobs there are. Does not know: what is in a plan.
"""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from secrets import token_hex
from typing import Final

from hubassoc_async.jobs.files import make_directory
from hubassoc_async.jobs.job_files import jobs, jobs_directory, unreadable_jobs
from hubassoc_async.jobs.job_lock import hold
from hubassoc_async.jobs.job_spec import JournalError

_PLAN: Final = r"(sync-[0-9a-f]{8}\.plan)"
_NAME: Final = re.compile(
    rf"{_PLAN}(?:-journal|\.lock(?:-journal)?)?|\.{_PLAN}\.\w+\.part(?:-journal)?"
)
"""Of a plan, and of one that is being made, with what is beside it."""


@contextmanager
def own_plan(directory: Path | None = None) -> Iterator[Path]:
    """Name a plan for a job to be; at the end it is removed, unless a job has it.

    Raises ``JournalError`` and ``OSError`` where there is no place for it.
    """
    directory = (directory or jobs_directory()).resolve()  # as jobs note it
    make_directory(directory)
    sweep_plans(directory)
    path, lock = _claimed(directory)
    try:
        yield path
    finally:
        if path not in _had(directory):
            _remove(path)
        _lock_of(path).unlink(missing_ok=True)
        lock.close()


def sweep_plans(directory: Path | None = None) -> None:
    """Remove those that no job has, nor any process: theirs was killed before its job began."""
    directory = (directory or jobs_directory()).resolve()  # as jobs note it
    others = unreadable_jobs(directory)
    if any(one.info is None and one.why != "never begun" for one in others):
        return  # it may have one
    found = {_plan_of(one) for one in directory.glob("*sync-*")}
    for path in filter(None, found):
        with suppress(OSError, JournalError):  # of a folder that one may only read
            if path in _had(directory) or (lock := hold(_lock_of(path))) is None:
                continue
            with closing(lock):
                if path not in _had(directory):  # its job may have begun just now
                    _remove(path)
                _lock_of(path).unlink()


def _claimed(directory: Path) -> tuple[Path, sqlite3.Connection]:
    """Find a name, and hold its lock."""
    while True:
        path = directory / f"sync-{token_hex(4)}.plan"
        if (lock := hold(_lock_of(path))) is not None:
            return path, lock


def _had(directory: Path) -> set[Path]:
    """Those that a job has."""
    infos = [*jobs(directory), *(one.info for one in unreadable_jobs(directory))]
    return {Path(one.arguments["plan"]) for one in infos if one and "plan" in one.arguments}


def _remove(path: Path) -> None:
    """Remove a plan, and what is left of one that was being made."""
    for one in path.parent.glob(f"*{path.name}*"):
        if _plan_of(one) == path and ".lock" not in one.name:
            one.unlink(missing_ok=True)


def _plan_of(file: Path) -> Path | None:
    """Which plan a file belongs to."""
    name = _NAME.fullmatch(file.name)
    return file.with_name(name[1] or name[2]) if name else None


def _lock_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.lock")
