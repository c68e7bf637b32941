"""Jobs that were begun, of whatever kind: taken up or forgotten.

Knows: which kinds of jobs there are. Does not know: what each does, clients.
"""

import shutil
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, Final

from hubassoc_async.jobs.dead_letters import failures_of
from hubassoc_async.jobs.export_task import ExportTask
from hubassoc_async.jobs.import_task import ImportTask
from hubassoc_async.jobs.job_files import (
    Unreadable,
    jobs_directory,
    locked,
    path_of,
    remove_files,
    unreadable,
)
from hubassoc_async.jobs.job_spec import Api
from hubassoc_async.jobs.journal import Journal
from hubassoc_async.jobs.sync_task import SyncTask
from hubassoc_async.jobs.task import Task

TASKS: Final[dict[str, type[Task[Any]]]] = {
    "export": ExportTask,
    "import": ImportTask,
    "sync": SyncTask,
}
"""Every kind of job that ``JobSpec.kind`` can name."""


def take_up(
    name: str, api: Api, *, source: Any = None, to: Any = None, directory: Path | None = None
) -> Task[Any]:
    """Open a job that was begun. Raises ``JournalError``."""
    journal = Journal.open(name, directory=directory)
    try:
        return TASKS[journal.spec.kind].resume(journal, api, source=source, to=to)
    except BaseException:
        journal.close()
        raise


def forget(name: str, *, directory: Path | None = None) -> str | None:
    """Remove a job and what it has not finished; returns why some of that may still be there.

    Also one whose journal cannot be read, as far as that tells what it has. Raises
    ``JournalError``.
    """
    path = path_of(name, directory or jobs_directory())
    if path.exists() and unreadable(path) is not None:
        with closing(locked(path)):
            other = unreadable(path, held=True)  # else it was begun meanwhile
            if other is not None:
                left = _clear(other)
                remove_files(path)
                return left
    journal = Journal.open(name, directory=directory)
    try:
        left = TASKS[journal.spec.kind].clear(journal.info)
        journal.remove()
    finally:
        journal.close()
    return left


def _clear(other: Unreadable) -> str | None:
    """Remove what can be known of a job of another format, and say what cannot."""
    info = other.info
    if info is None:
        if other.why == "never begun":
            return None
        return (
            f"its journal ({other.why}) does not tell what it had not finished: beside where it"
            f" wrote, what is hidden may have {other.name}- in its name"
        )
    left = None
    with suppress(KeyError):  # of what earlier formats did not keep
        left = TASKS[info.spec.kind].clear(info)
    if info.state == "complete":
        return left
    places = {failures_of(info).parent}
    if "to" in info.arguments and "://" not in info.spec.target:
        places.add(Path(info.spec.target).parent)
    for hidden in (one for place in places for one in place.glob(f".*.{info.key}*")):
        if hidden.is_dir():
            shutil.rmtree(hidden, ignore_errors=True)
        else:
            hidden.unlink(missing_ok=True)
    return left or (
        f"its journal has {other.why}: whether it hid something without {info.key} in the name is"
        f" not known; that would be in {' or '.join(map(str, sorted(places)))}"
    )
