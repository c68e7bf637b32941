"""What an export is told: which ids, and where what is read goes.

Knows: what the journal of an export keeps. Does not know: terminals, HTTP, how an export runs.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Self, TypeAlias

import msgspec

from hubassoc_async.client import AssociationsClient
from hubassoc_async.jobs.dead_letters import Origin
from hubassoc_async.jobs.export import ExportJob, ExportProgress
from hubassoc_async.jobs.job_sink import JobSink
from hubassoc_async.jobs.job_sinks import open_job_sink, public_name
from hubassoc_async.jobs.job_spec import Api, JobInfo, JobSpec, JournalError
from hubassoc_async.jobs.journal import Journal
from hubassoc_async.jobs.sources import GivenIds, Source, open_ids
from hubassoc_async.jobs.spool import Spool
from hubassoc_async.jobs.tables import TableSink
from hubassoc_async.jobs.task import (
    Task,
    begin_journal,
    check_again,
    content,
    described,
    opened,
    places,
)
from hubassoc_async.jobs.text_file import STDIN

Ids: TypeAlias = str | Path | Source | Iterable[str | int]
"""A file, a folder of Parquet files, a database's URL, ``-`` for stdin; or what gives ids."""
To: TypeAlias = str | Path | JobSink
"""A file, a folder, a database's URL; or a sink of the program's own."""


class ExportTask(Task[ExportProgress]):
    """What an export is told."""

    def __init__(self, journal: Journal, source: Source | None, given: Ids | None, to: To) -> None:
        """Use ``begin`` or ``resume``."""
        super().__init__(journal)
        self.source = source
        """None: every record, or all ids are in the journal already."""
        self._given, self._to = given, to

    @classmethod
    def begin(
        cls,
        api: Api,
        from_object_type: str,
        to_object_type: str,
        *,
        ids: Ids | None,
        to: To,
        id_column: str | None = None,
        name: str | None = None,
        told: Mapping[str, Any],
        directory: Path | None = None,
    ) -> Self:
        """Begin an export, or take up the same one; ``told``: what ``resume`` is not told again.

        Raises ``SourceError`` and ``UsageError``: then there is no journal.
        """
        source = None if ids is None else _open(ids, id_column)
        try:
            spec = JobSpec(
                kind="export",
                from_object_type=from_object_type,
                to_object_type=to_object_type,
                **msgspec.structs.asdict(api),
                source=f"all {from_object_type}" if source is None else described(source),
                fingerprint=content(source),
                target=_target(to),
                options={"id_column": id_column},
            )
            _check(to, spec)
            own = places(ids=ids, to=to) | ({"every": True} if ids is None else {})
            read = None if source is None else source.path
            journal = begin_journal(name, spec, own | dict(told), directory, read=read)
            return cls(journal, source, ids, to)
        except BaseException:
            if source is not None:
                source.close()
            raise

    @classmethod
    def resume(
        cls,
        journal: Journal,
        api: Api,
        *,
        source: Ids | None = None,
        to: To | None = None,
    ) -> Self:
        """Take up an export. ``source``: all ids again. ``to``: the target again."""
        spec = journal.spec
        if to is None and "to" not in journal.arguments:
            raise JournalError(
                f"job {journal.name!r} writes to {spec.target}, a sink of the program that began"
                " it: go on with it there"
            )
        to = spec.target if to is None else to
        found = cls._needed(journal, source)
        check_again(journal, api, found, target=_target(to))
        return cls(journal, found, source, to)

    @staticmethod
    def discard(info: JobInfo) -> None:
        """Remove what is hidden beside the target; a program's own sink is its own."""
        if "to" in info.arguments:
            _sink(info.spec.target, info.spec, info.key).discard()

    @property
    def wanted(self) -> str | None:
        """All ids again, where they came by a pipe of which they had not all come."""
        told = self.journal.arguments
        named = told.get("ids", STDIN) != STDIN or told.get("every")
        return "" if named or Spool(self.journal).complete else " --ids FILE|-"

    def close(self) -> None:
        """Let go of the job and of its input."""
        if self.source is not None:
            self.source.close()
        super().close()

    def _make(self, client: AssociationsClient) -> ExportJob:
        spec = self.journal.spec
        origin = Origin(
            operation="read",
            from_object_type=spec.from_object_type,
            to_object_type=spec.to_object_type,
            api_version=spec.api_version,
        )
        letters = self._letters(origin.letter)
        sink = _sink(self._to, spec, self.journal.key)
        return ExportJob(client, self.journal, self.source, sink, letters=letters)

    def _renew(self) -> None:
        if self.source is not None:
            self.source.close()
        given = None if self._given == STDIN else self._given  # what it gave is gone
        self.source = self._needed(self.journal, given)

    @staticmethod
    def _needed(journal: Journal, given: Ids | None) -> Source | None:
        """Open the ids, unless all of them are in the journal, or HubSpot lists them."""
        spec, told = journal.spec, journal.arguments
        spooled = not spec.fingerprint and (told.get("every") or Spool(journal).complete)
        if journal.state == "complete" or spooled:
            return None
        place = given if given is not None else told.get("ids", STDIN)
        if given is None and place == STDIN:
            raise JournalError(
                f"the ids of job {journal.name!r} came from {spec.source} and had not all come:"
                f" give all of them again, as hubassoc resume {journal.name} --ids FILE|-"
            )
        column = spec.options.get("id_column")
        return _open(place, None if column is None else str(column))


def _open(ids: Ids, column: str | None) -> Source:
    if isinstance(ids, str | Path):
        return opened(lambda: open_ids(ids, column=column))
    return ids if isinstance(ids, Source) else GivenIds(ids)


def _sink(to: To, spec: JobSpec, key: str) -> JobSink:
    if not isinstance(to, str | Path):
        return to
    return open_job_sink(str(to), spec.from_object_type, spec.to_object_type, job=key)


def _check(to: To, spec: JobSpec) -> None:
    """Refuse what no sink can write to. Raises ``UsageError``."""
    sink = _sink(to, spec, "new")
    if isinstance(sink, TableSink):
        sink.check()


def _target(to: To) -> str:
    """Where it goes, without secrets."""
    return public_name(str(to)) if isinstance(to, str | Path) else type(to).__name__
