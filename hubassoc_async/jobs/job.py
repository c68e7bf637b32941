"""Jobs for programs and commands: begun or taken up, run, stopped, parked.

Knows: what each kind is told. Does not know: what each does, terminals.
"""

import asyncio
import sqlite3
import time
from contextlib import suppress
from datetime import tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

from hubassoc_async.client import AssociationsClient
from hubassoc_async.errors import ApiError, DailyQuotaSpent
from hubassoc_async.jobs.export_task import ExportTask, Ids, To
from hubassoc_async.jobs.import_task import ImportTask, Links
from hubassoc_async.jobs.job_kinds import take_up
from hubassoc_async.jobs.job_spec import Api, JobInfo, JournalError
from hubassoc_async.jobs.parking import Parked, next_look, park, unpark
from hubassoc_async.jobs.plan_file import Plan
from hubassoc_async.jobs.sampling import Counted, Sampler
from hubassoc_async.jobs.sync_apply import ApplyProgress
from hubassoc_async.jobs.sync_task import SyncTask
from hubassoc_async.jobs.task import Task
from hubassoc_async.jobs.text_file import SourceError
from hubassoc_async.jobs.writing import WriteOrder
from hubassoc_async.model import LabelsMode, WriteOperation
from hubassoc_async.pacing import DailyBudget

if TYPE_CHECKING:
    from hubassoc_async.jobs.export import ExportProgress
    from hubassoc_async.jobs.importing import ImportProgress

P_co = TypeVar("P_co", bound=Counted, covariant=True)


class Job(Generic[P_co]):
    """Work on millions of records that can die at any instant and goes on where it was.

    Use it as ``with Job.export(…) as job``, or call ``close`` at the end: until then no other
    process can have it. What was begun under a name is gone on with by the same call, by
    ``Job.resume`` and by ``hubassoc resume``.
    """

    def __init__(self, client: AssociationsClient, task: Task[P_co]) -> None:
        """Use ``export``, ``import_links``, ``apply`` or ``resume``."""
        self._client = client
        self._task = task
        self._work = task.work(client)
        self._ran = False
        self._stopped = asyncio.Event()

    @classmethod
    def export(
        cls,
        client: AssociationsClient,
        from_object_type: str,
        to_object_type: str,
        *,
        ids: Ids | None,
        to: To,
        id_column: str | None = None,
        name: str | None = None,
        failures: str | Path | None = None,
        directory: Path | None = None,
    ) -> "Job[ExportProgress]":
        """Read the associations of records, each once, in the order of ``ids``.

        ids: a file, a folder of Parquet files, a database's URL, a ``Source``, or any iterable;
            None is every record. id_column: where they are, if that does not say itself.
        to: a file, a folder, a database's URL, or a ``Sink``.
        name: what to call the job; None is a name of its own.
        failures: where ids that fail go; None is beside ``to``, or beside the journal.
        directory: where journals are; None is as for the commands.

        Raises ``UsageError`` and ``SourceError``: then nothing was begun.
        """
        task = ExportTask.begin(
            _api(client),
            from_object_type,
            to_object_type,
            ids=ids,
            to=to,
            id_column=id_column,
            name=name,
            told=_told(failures=failures),
            directory=directory,
        )
        return _made(client, task)

    @classmethod
    def import_links(
        cls,
        client: AssociationsClient,
        from_object_type: str,
        to_object_type: str,
        *,
        links: Links,
        operation: WriteOperation,
        labels: LabelsMode = "replace",
        remove_all_labels: bool = False,
        verify: bool = False,
        name: str | None = None,
        failures: str | Path | None = None,
        directory: Path | None = None,
    ) -> "Job[ImportProgress]":
        """Write links, those of one pair as one, sorted.

        links: as ``ids`` of ``export``, with from, to and types. operation, labels,
            remove_all_labels, verify: as of the client's methods. The rest: as of ``export``.

        Raises ``UsageError`` and ``SourceError``: then nothing was begun.
        """
        order = WriteOrder(
            operation=operation,
            from_object_type=from_object_type,
            to_object_type=to_object_type,
            labels=labels,
            remove_all_labels=remove_all_labels,
            verify=verify,
        )
        told = _told(failures=failures)
        task = ImportTask.begin(
            _api(client), order, links=links, name=name, told=told, directory=directory
        )
        return _made(client, task)

    @classmethod
    def apply(
        cls,
        client: AssociationsClient,
        plan: Plan,
        *,
        undo: Path,
        max_deletes: str | None = None,
        name: str | None = None,
        directory: Path | None = None,
    ) -> "Job[ApplyProgress]":
        """Write what a plan says, where what it was made from still holds.

        undo: the plan that takes it back. What fails, and what somebody has changed meanwhile, is
            listed beside it, in ``UNDO.failures.ndjson`` and ``UNDO.stale.ndjson``.
        max_deletes: ``"500"`` or ``"2%"``: write nothing if more associations would be archived.

        Raises ``UsageError``: then nothing was begun.
        """
        told = _told(
            undo=undo,
            failures=undo.with_name(f"{undo.name}.failures.ndjson"),
            stale=undo.with_name(f"{undo.name}.stale.ndjson"),
        )
        task = SyncTask.begin(
            _api(client), plan, max_deletes=max_deletes, name=name, told=told, directory=directory
        )
        return _made(client, task)

    @classmethod
    def resume(
        cls,
        client: AssociationsClient,
        name: str,
        *,
        source: Ids | Links | None = None,
        to: To | None = None,
        directory: Path | None = None,
    ) -> "Job[Any]":
        """Take up a job that was stopped or killed, wherever it was begun.

        source, to: only what cannot be opened again by its name: an iterable or a pipe of which
            not all had come, a ``Sink``, a URL with a password.

        Raises ``JournalError`` when the client's version or address, or what is given, is not
        what the job was begun with.
        """
        return _made(client, take_up(name, _api(client), source=source, to=to, directory=directory))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the job: another process may take it up."""
        self._task.close()

    @property
    def name(self) -> str:
        """What the job is called."""
        return self._task.journal.name

    @property
    def info(self) -> JobInfo:
        """What its journal has of it, until ``close``."""
        return self._task.journal.info

    @property
    def failures(self) -> Path:
        """Where what fails is listed once the job is complete; no file when nothing has failed."""
        return self._task.failures

    @property
    def complete(self) -> bool:
        """Whether everything has its outcome and the output is there under its name."""
        return self._work.complete

    @property
    def output(self) -> str | None:
        """What the output is called, once it is complete; None for what is written to HubSpot."""
        return self._work.output

    def progress(self) -> P_co:
        """How far it is now. At its end, its summary."""
        return self._work.progress()

    def stop(self, *, grace: float = 3.0) -> None:
        """Take nothing new, and end when what is out has come in, within ``grace`` seconds."""
        self._stopped.set()
        self._work.stop(grace=grace)

    async def run(self, *, wait: bool = False, time_zone: str = "UTC") -> P_co:
        """Work to the end, or until ``stop``: then ``complete`` is False. Can be called again.

        wait: when the day's quota is spent, sleep until it is new, and go on. time_zone: the
            portal's, whose midnight that is.

        Raises what stopped it: ``Parked``, a ``DailyQuotaSpent`` that says until when; another
        ``HubAssocError``; ``SourceError`` of the input; ``OSError`` of a file. What was there by
        then is kept, and the job can be run again after any. But where nothing was done, ``close``
        forgets a job whose file of ids or links is broken, and one that HubSpot refuses as it is,
        as for an unknown object type: that is a ``JournalError``.
        """
        zone = DailyBudget(time_zone=time_zone).zone()
        while True:
            try:
                await self._run(zone)
                return self.progress()
            except Parked as parked:
                if not wait:
                    raise
                await self._rest(parked.resume_at)
                if self._stopped.is_set():
                    return self.progress()

    async def _run(self, zone: tzinfo) -> None:
        """Run once, sampled, and park when the day's quota is spent."""
        if self._ran:
            self._work = self._task.work(self._client)
            self._stopped.clear()
        self._ran = True
        journal = self._task.journal
        if not self.complete:
            unpark(journal, time.time())
        sampler = Sampler(journal, self._client, self._work.progress)
        sampling = asyncio.create_task(sampler.run())
        try:
            await self._work.run()
        except DailyQuotaSpent as spent:
            raise park(journal, spent, zone, time.time()) from spent
        except (ApiError, SourceError) as error:
            self._task.judge(error)
            if self._task.hopeless and isinstance(error, ApiError):
                raise JournalError(
                    f"{error}: HubSpot refuses the job as it is. Begin it again with other object"
                    " types, version or address"
                ) from error
            raise
        finally:
            sampling.cancel()
            with suppress(asyncio.CancelledError):
                await sampling
            with suppress(OSError, sqlite3.Error):  # it may be the very reason
                sampler.end()
        if self.complete:  # not earlier: until then a job that dies goes on
            with suppress(OSError):  # as one that dies right here, it is tidy once it is forgotten
                self._task.tidy(journal.info)

    async def _rest(self, until: float) -> None:
        """Sleep until a moment of the wall clock, or ``stop``."""
        while (left := next_look(until, time.time())) and not self._stopped.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopped.wait(), left)


async def apply_plan(
    client: AssociationsClient,
    plan: Plan,
    *,
    undo: Path,
    max_deletes: str | None = None,
    job: str | None = None,
    directory: Path | None = None,
) -> ApplyProgress:
    """Write what a plan says, as ``Job.apply`` does, in one call; ``job``: its name.

    Raises ``UsageError`` before anything is written, and what stops a write.
    """
    with Job.apply(
        client, plan, undo=undo, max_deletes=max_deletes, name=job, directory=directory
    ) as applying:
        return await applying.run()


def _api(client: AssociationsClient) -> Api:
    return Api(client.api_version.name, client.base_url)


def _made(client: AssociationsClient, task: Task[P_co]) -> Job[P_co]:
    try:
        return Job(client, task)
    except BaseException:
        task.close()
        raise


def _told(**paths: str | Path | None) -> dict[str, str]:
    return {name: str(Path(path).resolve()) for name, path in paths.items() if path is not None}
