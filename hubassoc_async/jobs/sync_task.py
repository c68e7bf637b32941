"""What the applying of a plan is told: the plan, and the files that it leaves.

Knows: what the journal of such a job keeps. Does not know: terminals, HTTP, how a plan is applied.
"""

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from hubassoc_async.client import AssociationsClient
from hubassoc_async.errors import UsageError
from hubassoc_async.jobs.job_spec import Api, JobInfo, JobSpec, JournalError
from hubassoc_async.jobs.journal import Journal, has_job
from hubassoc_async.jobs.plan_file import MaxDeletes, Plan, PlanCounts, PlanError, open_plan
from hubassoc_async.jobs.sync_apply import ApplyJob, ApplyProgress
from hubassoc_async.jobs.task import Task, begin_journal, check_again
from hubassoc_async.protocol.versions import VERSIONS


class SyncTask(Task[ApplyProgress]):
    """What the applying of a plan is told.

    In the journal: ``plan``, ``own_plan`` for one that was made for the job alone, and ``undo``,
    ``failures`` and ``stale``, which are the job's name with endings in ``folder`` where they are
    not given.
    """

    def __init__(self, journal: Journal, plan: Plan, *, opened: bool = False) -> None:
        """Use ``begin`` or ``resume``. ``opened``: for the job, so the plan is closed with it."""
        super().__init__(journal)
        info = journal.info
        self.undo = _beside(info, "undo", ".undo")
        self.stale = _beside(info, "stale", ".stale.ndjson")
        self._plan, self._opened = plan, opened

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
        info, path = plan.info, plan.path
        if info.base_url not in ("", api.base_url):
            raise PlanError(
                f"the plan was made from {info.base_url}, not from {api.base_url}: another portal's"
                " associations are other ones"
            )
        version = VERSIONS[api.api_version]
        if not version.labels:
            raise UsageError(
                f"{version.name} does not show all associations: apply with v4 or later"
            )
        _check_deletes(plan, plan.counts(version), max_deletes)
        undo = told.get("undo") or (name and Path(told["folder"]) / f"{name}.undo")
        if undo and not (name and has_job(name, directory)):
            check_undo(Path(undo))
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
        # a place that is told may be that of the records that could not be read for the plan
        unread = info.unread > 0 and "failures" in told
        journal = begin_journal(name, spec, dict(told) | kept, directory, kept=unread)
        return cls(journal, plan)

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
            return cls(journal, plan, opened=True)
        except BaseException:
            plan.close()
            raise

    @staticmethod
    def discard(info: JobInfo) -> None:
        """Remove an undo file with nothing in it; in any other there is what was."""
        undo, key = _beside(info, "undo", ".undo"), info.spec.fingerprint
        with suppress(FileNotFoundError, PlanError), open_plan(undo) as plan:
            if plan.info.undoes == key and next(plan.changes(limit=1), None) is None:
                undo.unlink()

    @staticmethod
    def tidy(info: JobInfo) -> None:
        """Remove a plan that was made for the job alone: any other is the user's."""
        if info.arguments.get("own_plan"):
            Path(info.arguments["plan"]).unlink(missing_ok=True)

    @property
    def undoable(self) -> bool:
        """Whether the undo file is there, and is this plan's."""
        try:
            with open_plan(self.undo) as undo:
                return undo.info.undoes == self._plan.info.key
        except (OSError, PlanError):
            return False

    def close(self) -> None:
        """Let go of the job, and of the plan if it was opened for it."""
        if self._opened:
            self._plan.close()
        super().close()

    def _make(self, client: AssociationsClient) -> ApplyJob:
        limit = self.journal.arguments.get("max_deletes")
        return ApplyJob(
            client,
            self.journal,
            self._plan,
            undo=self.undo,
            failures=self._failures,
            stale=self.stale,
            max_deletes=None if limit is None else MaxDeletes.parse(limit),
        )


def check_undo(undo: Path) -> None:
    """Refuse to put the undo file of a new job over what is there. Raises ``PlanError``."""
    if undo.exists():
        raise PlanError(f"{undo} is there already: give the undo file another name")


def _check_deletes(plan: Plan, counts: PlanCounts, most: str | None) -> None:
    """Raise ``PlanError`` for what removes more; without a limit, for a sync that leaves nothing.

    That is what comes of a file that is empty by mistake.
    """
    there = plan.info.there
    if most is not None:
        MaxDeletes.parse(most).check(counts.archive, there)
    elif plan.info.kind == "sync" and 0 < counts.changes == counts.archive == there:
        raise PlanError(
            f"the plan removes all {there:,} associations of its records and leaves none: if that"
            " is meant, and what is desired is not cut off, say so: --max-deletes 100%"
        )


def _beside(info: JobInfo, name: str, ending: str) -> Path:
    """A file of a job: as it was told, or beside its plan with the job's name."""
    given = info.arguments.get(name)
    return Path(given or Path(info.arguments["folder"]) / f"{info.name}{ending}")
