"""A job before it runs: its journal, held, and what a run opens of it.

Each run is made anew by ``work``, so that a job that was stopped can be run again. What kinds of
jobs there are, modules of their own say: what each is told, and what its journal keeps of that.

Knows: journals, inputs. Does not know: terminals, HTTP, what a job does.
"""

import logging
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from gzip import BadGzipFile
from pathlib import Path
from typing import Any, Final, Generic, Self, TypeVar

import msgspec

from hubassoc_async.client import AssociationsClient
from hubassoc_async.errors import ApiError, HubAssocError, UsageError
from hubassoc_async.jobs.database_urls import file_of
from hubassoc_async.jobs.dead_letters import (
    DeadLetter,
    DeadLetters,
    check_failures,
    discard_failures,
    earlier_failures,
    failures_at,
    failures_now,
    failures_of,
    note_earlier,
)
from hubassoc_async.jobs.job_sink import check_directory
from hubassoc_async.jobs.job_sinks import public_name
from hubassoc_async.jobs.job_spec import (
    Api,
    JobInfo,
    JobSpec,
    JournalError,
    check_same,
    fingerprint,
)
from hubassoc_async.jobs.journal import Journal, has_job, jobs
from hubassoc_async.jobs.pairs import PairSource
from hubassoc_async.jobs.sources import Source
from hubassoc_async.jobs.text_file import STDIN, SourceError
from hubassoc_async.jobs.work import Work
from hubassoc_async.model import Failure

P_co = TypeVar("P_co", covariant=True)
T = TypeVar("T")

_log = logging.getLogger("hubassoc_async")
_PLACES: Final = ("to", "ids", "links", "plan", "undo", "stale")
"""What of a job's arguments names something that it reads or writes, ..."""
_ENDINGS: Final = (".undo", ".stale.ndjson")
"""... and what a sync puts after its name for those that it is not told."""


class Task(ABC, Generic[P_co]):
    """What one job is told, and its journal, which is held until ``close``."""

    def __init__(self, journal: Journal) -> None:
        """Use ``begin`` or ``resume`` of the kind."""
        self.journal = journal
        self._failures = failures_of(journal.info)
        self._key = journal.key
        self._used = False
        self.hopeless = False
        """Whether the last run ended as every other will, so that ``close`` forgets the job, if
        nothing was done."""

    @classmethod
    @abstractmethod
    def resume(cls, journal: Journal, api: Api, *, source: Any = None, to: Any = None) -> Self:
        """Take up a job. Raises ``JournalError`` when it is another, or an input is missing."""

    @staticmethod
    def discard(info: JobInfo) -> None:
        """Remove what a job has written and not finished: nothing, unless its kind says so."""

    @staticmethod
    def tidy(info: JobInfo) -> None:
        """Remove what a job needs to go on, and nobody after it: nothing, unless its kind says so.

        It may have been done already. Raises ``OSError``.
        """

    @classmethod
    def clear(cls, info: JobInfo) -> str | None:
        """Remove what a job has not finished; returns why some of that may still be there."""
        left = None
        try:
            if info.state != "complete":
                cls.discard(info)
            cls.tidy(info)
        except (HubAssocError, OSError) as error:  # its folder or its database is gone
            left = f"what it had not finished was not removed: {error}"
        if info.state != "complete":
            discard_failures(info)
        return left

    def work(self, client: AssociationsClient) -> Work[P_co]:
        """Make the next run. Raises ``JournalError`` when its input cannot be read once more."""
        if self._used:
            self._renew()
        self._used, self.hopeless = True, False
        return self._make(client)

    def judge(self, error: ApiError | SourceError) -> None:
        """Note whether what ended a run will end every other."""
        if isinstance(error, SourceError):
            cause = error.__cause__
            gone = isinstance(cause, OSError) and not isinstance(cause, BadGzipFile)
            # the content of such a file is that of the job for good
            self.hopeless = bool(self.journal.spec.fingerprint) and not gone
        else:
            # not 401 and its like, which are other classes; 407 is a proxy's
            refused = error.status in (*range(300, 401), 404, 405)
            self.hopeless = type(error) is ApiError and refused and not self._begun

    @property
    def failures(self) -> Path:
        """Where what fails is once the job is complete."""
        return failures_at(self._failures, self._key)

    @property
    def wanted(self) -> str | None:
        """What to resume it takes besides its name, as a command says it; None: it cannot be."""
        return ""

    @abstractmethod
    def _make(self, client: AssociationsClient) -> Work[P_co]: ...

    def _letters(self, line: Callable[[Failure], DeadLetter]) -> DeadLetters:
        """Make the file of failures of a run. ``line``: makes a line."""
        earlier = earlier_failures(self.journal)
        return DeadLetters(self._failures, line, job=self._key, earlier=earlier)

    def _renew(self) -> None:
        """Open again what a run has used up."""

    @property
    def _begun(self) -> bool:
        """Whether something was done."""
        return self.journal.mark.items > 0

    def close(self) -> None:
        """Let go of the job and of its input."""
        if self.hopeless and not self._begun:
            self.hopeless = False
            if left := self.clear(self.journal.info):
                _log.warning("job %s is forgotten; %s", self.journal.name, left)
            self.journal.remove()
        self.journal.close()


def begin_journal(
    name: str | None,
    spec: JobSpec,
    told: Mapping[str, Any],
    directory: Path | None,
    *,
    read: Path | None = None,
    kept: bool = False,
) -> Journal:
    """Begin a job, or take up the same one that was begun under this name and is not complete.

    ``told``: what ``resume`` is not told again. ``read``: the file that is its input, if it is one.
    ``kept``: whether what is where its failures go is to stay there.
    Raises ``UsageError`` when it is another one, or complete, or cannot be begun.
    """

    def prepare(journal: Journal) -> None:
        _check_place(journal.info, read)
        if not _has_anothers(journal.info) and not kept:
            note_earlier(journal)

    if name is None or not has_job(name, directory):
        try:
            return Journal.create(name, spec, arguments=told, directory=directory, prepare=prepare)
        except OSError as error:
            raise JournalError(f"the job cannot be begun: {error}") from error
    journal = Journal.open(name, expect=spec, directory=directory)
    if journal.state == "complete":
        journal.close()
        raise JournalError(
            f"job {name!r} is complete: give this one another name, or forget that one"
            f" (hubassoc jobs --forget {name})"
        )
    try:
        _check_told(journal, told)
    except BaseException:
        journal.close()
        raise
    return journal


def _check_told(journal: Journal, told: Mapping[str, Any]) -> None:
    """Refuse other places than the job was begun with: it goes on with those."""
    info = journal.info
    known = {"failures": str(failures_of(info))} | info.arguments
    for name in ("failures", "undo", "stale"):
        if name in told and str(told[name]) != known.get(name):
            where = f"in {known[name]}" if name in known else "beside its plan"
            raise JournalError(
                f"job {journal.name!r} has its {name} {where}, not in {told[name]}: leave that"
                " away, or begin a job of another name"
            )


def _check_place(job: JobInfo, read: Path | None) -> None:
    """Refuse to put failures where they cannot be, or over what the job reads or writes."""
    file = failures_of(job)
    try:
        check_directory(file)
    except UsageError as error:
        raise UsageError(
            f"{error}: name another file for the job's failures (--failures FILE)"
        ) from None
    same = read is not None and os.path.realpath(read) == os.path.realpath(file)
    if same or is_used(job, file):
        raise UsageError(
            f"{file} is what the job reads or writes: name another file for its failures"
        )
    check_failures(file)


def is_used(job: JobInfo, file: Path) -> bool:
    """Whether a job reads or writes a file, but for its failures."""
    file, told = Path(os.path.realpath(file)), job.arguments
    places = [file_of(str(told[name])) for name in _PLACES if name in told]
    if "folder" in told:
        places += [file_of(f"{told['folder']}/{job.name}{ending}") for ending in _ENDINGS]
    # a folder that is written to is replaced with all that is in it
    folder = file_of(str(told["to"])) if "to" in told else None
    return file in places or (folder is not None and file.is_relative_to(folder))


def _has_anothers(info: JobInfo) -> bool:
    """Whether the failures of another job are where those of this one shall be.

    Raises ``JournalError`` where a job that is running will put its own.
    """
    file = failures_of(info)
    for other in jobs(info.path.parent):
        if failures_of(other) != file:
            continue
        if other.state == "running":
            raise JournalError(
                f"job {other.name!r} is running and will have its failures in {file}: wait for it,"
                " stop it, or name another file for the failures of this one"
            )
        # one that is not complete may have died right when it had put them there
        done = other.state == "complete" and _does_again(info.spec, other.spec)
        if failures_now(other) == file and not done:
            return True
    return False


def _does_again(spec: JobSpec, other: JobSpec) -> bool:
    """Whether a job makes anew what another made, so that the failures of that are history."""
    if spec.kind == "export":
        return spec.kind == other.kind and spec.target == other.target
    kept = {"fingerprint": "", "api_version": "", "base_url": ""}
    return msgspec.structs.replace(spec, **kept) == msgspec.structs.replace(other, **kept)


def check_again(journal: Journal, api: Api, source: Source | PairSource | None, **now: str) -> None:
    """Refuse to go on with a job where something is not as it was, and close its input then.

    Raises ``JournalError``.
    """
    spec = journal.spec
    try:
        if source is not None and spec.fingerprint:
            now["fingerprint"] = content(source)
        asked = msgspec.structs.replace(spec, **msgspec.structs.asdict(api), **now)
        check_same(journal.name, spec, asked)
    except BaseException:
        if source is not None:
            source.close()
        raise


def places(**given: object) -> dict[str, str]:
    """What can be opened again of what a job is given: paths, absolute, and URLs, no passwords."""
    return {
        name: public_name(str(place))
        for name, place in given.items()
        if isinstance(place, str | Path) and place != STDIN
    }


def opened(open_: Callable[[], T]) -> T:
    """Open an input. Raises ``SourceError``, for a file that cannot be read as well."""
    try:
        return open_()
    except OSError as error:
        raise SourceError(f"cannot read {error.filename}: {error.strerror}") from error


def described(source: Source | PairSource) -> str:
    """An input in words, without secrets."""
    return source.name if source.path is None else f"file {source.path.resolve()}"


def content(source: Source | PairSource | None) -> str:
    """Tell the content of a file that can be read again from any other; "" for all else."""
    if source is None or source.path is None or source.blocks:
        return ""
    return fingerprint(source.path)
