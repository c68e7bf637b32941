"""What the applying of a plan is told: the plan, and the files that it leaves.

Knows: what the journal of such a job keeps. Does not know: terminals, HTTP, how a plan is applied.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from hubassoc_async.client import AssociationsClient
from hubassoc_async.jobs.job_spec import Api, JobInfo, JobSpec, JournalError
from hubassoc_async.jobs.journal import Journal
from hubassoc_async.jobs.plan_file import MaxDeletes, Plan, open_plan
from hubassoc_async.jobs.sync_apply import ApplyJob, ApplyProgress
from hubassoc_async.jobs.task import Task, begin_journal, check_again


class SyncTask(Task[ApplyProgress]):
    """What the applying of a plan is told.

    In the journal: ``plan``, and ``undo``, ``failures`` and ``stale``, which are the job's name
    with endings in ``folder`` where they are not given.
    """

    def __init__(self, journal: Journal, plan: Plan, *, own: bool = False) -> None:
        """Use ``begin`` or ``resume``. ``own``: whether the plan is closed with the job."""
        super().__init__(journal)
        info = journal.info
        self.failures = _beside(info, "failures", ".failures.ndjson")
        self.undo = _beside(info, "undo", ".undo")
        self.stale = _beside(info, "stale", ".stale.ndjson")
        self._plan, self._own = plan, own

    @classmethod
    def begin(
        cls,
        api: Api,
        plan: Plan,
        *,
        max_deletes: str | None = None,
        name: str | None = None,
        told: Mapping[str, Any],
        directory: Path | None = None,
    ) -> Self:
        """Begin to apply a plan, or take up the same; ``told``: what ``resume`` is not told again.

        Raises ``UsageError``: then there is no journal.
        """
        if max_deletes is not None:
            MaxDeletes.parse(max_deletes)
        info, path = plan.info, plan.path
        spec = JobSpec(
            kind="sync",
            from_object_type=info.from_object_type,
            to_object_type=info.to_object_type,
            api_version=api.api_version,
            base_url=api.base_url,
            source=f"{info.kind} plan {'in memory' if path is None else path.resolve()}",
            fingerprint=info.key,
            target="HubSpot",
        )
        kept = {} if path is None else {"plan": str(path.resolve())}
        if max_deletes is not None:
            kept["max_deletes"] = max_deletes
        return cls(begin_journal(name, spec, dict(told) | kept, directory), plan)

    @classmethod
    def resume(cls, journal: Journal, api: Api, *, source: Any = None, to: Any = None) -> Self:
        """Take up the applying of a plan, which is still where it was."""
        if source is not None or to is not None:
            raise JournalError(f"job {journal.name!r} applies a plan: it takes no other input")
        path = journal.arguments.get("plan")
        try:
            if path is None:
                raise FileNotFoundError(2, "it was never a file", journal.spec.source)
            plan = open_plan(Path(path))
        except OSError as error:
            raise JournalError(
                f"the plan of job {journal.name!r} is gone: {error.filename}"
            ) from None
        try:
            check_again(journal, api, None, fingerprint=plan.info.key)
            return cls(journal, plan, own=True)
        except BaseException:
            plan.close()
            raise

    def close(self) -> None:
        """Let go of the job, and of the plan if it was opened for it."""
        if self._own:
            self._plan.close()
        super().close()

    def _make(self, client: AssociationsClient) -> ApplyJob:
        limit = self.journal.arguments.get("max_deletes")
        return ApplyJob(
            client,
            self.journal,
            self._plan,
            undo=self.undo,
            failures=self.failures,
            stale=self.stale,
            max_deletes=None if limit is None else MaxDeletes.parse(limit),
        )


def _beside(info: JobInfo, name: str, ending: str) -> Path:
    """A file of a job: as it was told, or beside its plan with the job's name."""
    given = info.arguments.get(name)
    return Path(given or Path(info.arguments["folder"]) / f"{info.name}{ending}")
