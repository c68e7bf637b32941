"""Jobs that were begun, of whatever kind: taken up or forgotten.

Knows: which kinds of jobs there are. Does not know: what each does, clients.
"""

from pathlib import Path
from typing import Any, Final

from hubassoc_async.jobs.export_task import ExportTask
from hubassoc_async.jobs.import_task import ImportTask
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

    Raises ``JournalError``.
    """
    journal = Journal.open(name, directory=directory)
    return TASKS[journal.spec.kind].forget(journal)
