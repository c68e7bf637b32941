"""A job before it runs: its journal, held, and what a run opens of it.

Each run is made anew by ``work``, so that a job that was stopped can be run again. What kinds of
jobs there are, modules of their own say: what each is told, and what its journal keeps of that.

Knows: journals, inputs. Does not know: terminals, HTTP, what a job does.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Generic, Protocol, Self, TypeVar

import msgspec

from hubassoc_async.client import AssociationsClient
from hubassoc_async.jobs.dead_letters import FAILURES, failures_of
from hubassoc_async.jobs.job_sink import public_name
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

P_co = TypeVar("P_co", covariant=True)
T = TypeVar("T")


class Work(Protocol[P_co]):
    """One run of a job."""

    complete: bool
    """Whether everything has its outcome."""
    output: str | None
    """What the output is called, once it is complete."""

    async def run(self) -> None:
        """Work to the end, or raise what stopped it."""

    def stop(self, *, grace: float = 3.0) -> None:
        """Take nothing new, and end when what is out has come in, within ``grace`` seconds."""

    def progress(self) -> P_co:
        """How far it is now."""


class Task(ABC, Generic[P_co]):
    """What one job is told, and its journal, which is held until ``close``."""

    def __init__(self, journal: Journal) -> None:
        """Use ``begin`` or ``resume`` of the kind."""
        self.journal = journal
        self.failures = failures_of(journal.info)
        """Where what fails goes."""
        self._used = False

    @classmethod
    @abstractmethod
    def resume(cls, journal: Journal, api: Api, *, source: Any = None, to: Any = None) -> Self:
        """Take up a job. Raises ``JournalError`` when it is another, or an input is missing."""

    @staticmethod
    def discard(journal: Journal) -> None:
        """Remove what a job has written and not finished: nothing, unless its kind says so."""

    @staticmethod
    def tidy(info: JobInfo) -> None:
        """Remove what a job needs to go on, and nobody after it: nothing, unless its kind says so.

        It may have been done already. Raises ``OSError``.
        """

    def work(self, client: AssociationsClient) -> Work[P_co]:
        """Make the next run. Raises ``JournalError`` when its input cannot be read once more."""
        if self._used:
            self._renew()
        self._used = True
        return self._make(client)

    @abstractmethod
    def _make(self, client: AssociationsClient) -> Work[P_co]: ...

    def _renew(self) -> None:
        """Open again what a run has used up."""

    def close(self) -> None:
        """Let go of the job and of its input."""
        self.journal.close()


def begin_journal(
    name: str | None, spec: JobSpec, told: Mapping[str, Any], directory: Path | None
) -> Journal:
    """Begin a job, or take up the same one that was begun under this name and is not complete.

    ``told``: what ``resume`` is not told again. Raises ``JournalError`` when it is another one, or
    complete, or cannot be begun.
    """
    if name is None or not has_job(name, directory):
        try:
            journal = Journal.create(name, spec, arguments=told, directory=directory)
        except OSError as error:
            raise JournalError(f"the job cannot be begun: {error}") from error
        _check_failures(journal)
        return journal
    journal = Journal.open(name, expect=spec, directory=directory)
    if journal.state == "complete":
        journal.close()
        raise JournalError(
            f"job {name!r} is complete: give this one another name, or forget that one"
            f" (hubassoc jobs --forget {name})"
        )
    return journal


def _check_failures(journal: Journal) -> None:
    """Refuse to put failures where those of a job that is not complete will be."""
    file = failures_of(journal.info)
    for other in jobs(journal.path.parent):
        writes = other.state == "running" or other.mark.positions.get(FAILURES)
        if other.state != "complete" and writes and failures_of(other) == file:
            journal.remove()
            raise JournalError(
                f"job {other.name!r} is not complete and will have its failures in {file}: go on"
                f" with it (hubassoc resume {other.name}), forget it (hubassoc jobs --forget"
                f" {other.name}), or name another file for the failures of this one"
            )


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
