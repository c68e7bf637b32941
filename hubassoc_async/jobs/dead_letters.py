"""Dead letters: every failure on a line of its own, with all that it takes to try it again.

The same lines are read as ids by ``--ids`` and as links by ``--pairs``: their keys are those of
this package's other files.

Knows: the lines and the file. Does not know: why something failed, who tries again.
"""

import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import IO, Final, Literal, TypeAlias, TypedDict

import msgspec
from msgspec import UNSET, Struct, UnsetType

from hubassoc_async.errors import UsageError
from hubassoc_async.jobs.files import has_folder, sync_directory
from hubassoc_async.jobs.journal import JobInfo, Journal, JournalError
from hubassoc_async.jobs.text_file import STDIN
from hubassoc_async.model import AssociationType, Failure, LabelsMode, WriteOperation

FAILURES: Final = "failures"
"""Where in ``Mark.positions`` the file of failures has its place."""
_BLOCK: Final = 1 << 20
_EARLIER: Final = "CREATE TABLE IF NOT EXISTS failures_earlier (file TEXT)"
_digest: Final = partial(blake2b, digest_size=16)

Operation: TypeAlias = Literal["read"] | WriteOperation


class Origin(Struct, frozen=True, kw_only=True):
    """What failures come from, as far as one must know it to try again."""

    operation: Operation
    from_object_type: str
    to_object_type: str
    api_version: str
    labels: LabelsMode | UnsetType = UNSET
    """Of a create."""
    remove_all_labels: bool | UnsetType = UNSET
    """Of an archive of labels."""

    def letter(self, failure: Failure) -> "DeadLetter":
        """Make the line of one failure of these, now."""
        read = self.operation == "read"
        return DeadLetter(
            operation=self.operation,
            from_object_type=self.from_object_type,
            to_object_type=self.to_object_type,
            api_version=self.api_version,
            labels=self.labels,
            remove_all_labels=self.remove_all_labels,
            from_object_id=failure.from_object_id,
            to_object_id=UNSET if read else failure.to_object_id,
            association_types=UNSET if read else failure.association_types,
            category=failure.category,
            sub_category=failure.sub_category,
            message=failure.message,
            correlation_id=failure.correlation_id,
            attempts=failure.attempts,
            transient=failure.transient,
            at=_now(),
        )


class DeadLetter(Origin, frozen=True, kw_only=True, gc=False):
    """One line of a file of failures: one id that was not read, or one link not written."""

    from_object_id: str
    to_object_id: str | UnsetType | None = UNSET
    association_types: tuple[AssociationType, ...] | UnsetType = UNSET
    category: str
    sub_category: str | None = None
    message: str
    correlation_id: str | None = None
    attempts: int = 1
    """How often it was sent before it was given up. 0: not at all."""
    transient: bool = False
    """Whether the very same may well succeed later, so that it is worth replaying."""
    at: str = ""
    """When it was written down, UTC, ISO 8601."""

    @property
    def origin(self) -> Origin:
        """What it comes from."""
        return Origin(**{name: getattr(self, name) for name in Origin.__struct_fields__})


class Position(TypedDict):
    """How far a file of failures is written, as JSON can hold it."""

    bytes: int
    digest: str
    """Of all of them: the name may have become another job's."""


class DeadLetters:
    """The file of failures of a job that can be resumed, hidden until the job is complete.

    There is none while nothing has failed. It takes the place of that of an earlier run, and of no
    other: where another file came meanwhile, it is beside that, with the job in its name.
    """

    def __init__(
        self,
        path: Path,
        line: Callable[[Failure], DeadLetter],
        *,
        job: str,
        earlier: str | None = None,
    ) -> None:
        """``line``: makes a line, as ``Origin.letter`` does. ``job``: the key of the job.

        ``earlier``: which file there may be replaced, as ``file_now`` told it; None: none.
        """
        self.path = path
        self._part = _hidden(path, job)
        self._aside = _aside(path, job)
        self._earlier = earlier
        self._line = line
        self._encode = msgspec.json.Encoder().encode_lines
        self._file: IO[bytes] | None = None
        self._digest = _digest()

    def resume(self, position: Position | Literal[0]) -> None:
        """Go back to a position that ``write`` returned; 0 is the beginning: no file.

        Raises ``OSError``, and ``JournalError`` for a file that is not what had been written.
        """
        self.close()
        self._digest = _digest()
        if not position:
            self._part.unlink(missing_ok=True)
            return
        # under its name, if the job died just before it could say that it was complete
        places = (self._part, self._aside, self.path)
        found = next((place for place in places if place.exists()), self.path)
        if not found.is_file():
            raise JournalError(
                f"{found} is gone, and with it what had failed: put it back, or begin the job again"
            )
        left = position["bytes"]
        with found.open("rb") as file:
            while left and (block := file.read(min(left, _BLOCK))):
                self._digest.update(block)
                left -= len(block)
        if self._digest.hexdigest() != position["digest"]:
            raise JournalError(
                f"{found} is not what the job had written: another job, or somebody, has put"
                " another file in its place. Put it back, or begin the job again"
            )
        found.replace(self._part)
        self._file = self._part.open("r+b", buffering=0)
        self._file.truncate(position["bytes"])
        self._file.seek(position["bytes"])

    def finish(self) -> None:
        """Give the file its name; where nothing has failed, remove that of an earlier run."""
        written = self._file is not None
        self.close()
        replaced = self._earlier is not None and file_now(self.path) == self._earlier
        if written:
            free = replaced or not self.path.exists()
            self._part.replace(self.path if free else self._aside)
            sync_directory(self.path.parent)
        elif replaced:
            self.path.unlink()

    def write(self, failures: Iterable[Failure]) -> Position | Literal[0]:
        """Append a line for each, durably, and return the position after them."""
        lines = self._encode([self._line(failure) for failure in failures])
        if lines:
            created = self._file is None
            if self._file is None:
                self._file = self._part.open("wb", buffering=0)
            self._digest.update(lines)
            view = memoryview(lines)
            while view:
                view = view[self._file.write(view) :]
            os.fsync(self._file.fileno())
            if created:
                sync_directory(self.path.parent)
        if self._file is None:
            return 0
        return {"bytes": self._file.tell(), "digest": self._digest.hexdigest()}

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None


def failures_of(job: JobInfo) -> Path:
    """Where what fails in a job goes: where it was told to, else beside its file.

    That is the target of an export, the source of an import, the plan of a sync. Where it has
    none: its journal.
    """
    told = job.arguments
    if "failures" in told:
        return Path(told["failures"])
    if "folder" in told:
        return Path(told["folder"]) / f"{job.name}.failures.ndjson"
    place = str(told.get("to") or told.get("links") or STDIN)
    has_file = place != STDIN and "://" not in place and has_folder(Path(place))
    file = Path(place) if has_file else job.path.with_suffix("")
    return file.with_name(f"{file.name}.failures.ndjson")


def failures_now(job: JobInfo) -> Path | None:
    """Where what has failed so far is; None when nothing has."""
    position, file = job.mark.positions.get(FAILURES), failures_of(job)
    hidden = _hidden(file, job.key)
    if job.state != "complete" and hidden.is_file():
        return hidden
    # under its name also if the job died right at its end
    file = failures_at(file, job.key)
    # else another job has put its own there since
    own = position and file.is_file() and file.stat().st_size == position["bytes"]
    return file if own else None


def failures_at(file: Path, job: str) -> Path:
    """Where the failures of a job are that is complete and was to have them in ``file``."""
    aside = _aside(file, job)
    return aside if aside.exists() else file


def discard_failures(job: JobInfo) -> None:
    """Remove those of a job that is given up."""
    with suppress(OSError):
        _hidden(failures_of(job), job.key).unlink()


def check_failures(file: Path) -> None:
    """Refuse to let failures take the place of what is none. Raises ``UsageError``."""
    if file.exists() and not file.is_file():
        raise UsageError(f"{file} is no regular file: failures cannot take its place")
    try:
        with file.open("rb") as lines:
            first = lines.readline(_BLOCK)
        if first:
            msgspec.json.decode(first, type=DeadLetter)
    except FileNotFoundError:
        return
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}") from error
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise UsageError(
            f"{file} is there and is no file of failures: name another file for them"
        ) from None


def file_now(path: Path) -> str | None:
    """Tell the file that is there now from any other that will be; None: there is none."""
    if not path.is_file():
        return None
    status = path.stat()
    return f"{status.st_ino} {status.st_size} {status.st_mtime_ns}"


def note_earlier(journal: Journal) -> None:
    """Note that the failures that are there now may be replaced: they are of an earlier run.

    Within the transaction that begins the job.
    """
    run, there = journal.connection.execute, file_now(failures_of(journal.info))
    run(_EARLIER)
    run("INSERT INTO failures_earlier VALUES (?)", (there,))


def earlier_failures(journal: Journal) -> str | None:
    """Which file the failures of a job may replace."""
    with journal.transaction() as connection:
        connection.execute(_EARLIER)
        found = connection.execute("SELECT file FROM failures_earlier").fetchone()
    return None if found is None else found[0]


def _hidden(path: Path, job: str) -> Path:
    return path.with_name(f".{path.name}.{job}.failures")  # .part is the sinks'


def _aside(path: Path, job: str) -> Path:
    return path.with_name(f"{path.stem}.{job}{path.suffix}")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
