"""What a job is and how far it is, as values.

Knows: what makes two jobs the same. Does not know: where that is kept, what a job does.
"""

import hashlib
from pathlib import Path
from typing import Any, Literal, TypeAlias

import msgspec
from msgspec import Struct

from hubassoc_async.errors import UsageError
from hubassoc_async.protocol.ids import check_object_type

State: TypeAlias = Literal["new", "running", "stopped", "parked", "complete"]
Plain: TypeAlias = str | int | float | bool | None


class JournalError(UsageError):
    """A job that cannot be run as asked. ``str()`` says why and what to do."""


class TakenError(JournalError):
    """Somebody else has a job of that name."""


class Api(Struct, frozen=True):
    """Which version of the API a job is for, and where."""

    api_version: str
    base_url: str


class JobSpec(Struct, frozen=True, kw_only=True):
    """What makes a job the one that it is: a journal is only for the job that began it.

    Raises ``UsageError`` for what cannot be object types.
    """

    kind: Literal["export", "import", "sync"]
    from_object_type: str
    to_object_type: str
    api_version: str
    base_url: str
    source: str
    """What it works on, in words, without secrets: ``file /data/ids.csv``, ``all contacts``."""
    fingerprint: str
    """Of the content of files that are read again by a job that goes on; "" where none is."""
    target: str
    """Where the result goes, without secrets."""
    options: dict[str, Plain] = {}
    """Whatever else must be the same."""

    def __post_init__(self) -> None:
        check_object_type(self.from_object_type)
        check_object_type(self.to_object_type)


class Mark(Struct, kw_only=True):
    """How far a job is: one value, committed as one."""

    items: int = 0
    """Ids or pairs that are done, in the order of the source."""
    counts: dict[str, int] = {}
    """How many of what: found, none, failed, associations; written, unchanged, …"""
    positions: dict[str, Any] = {}
    """Where each part of the job is, as JSON can hold it: its sink, its file of failures, …"""


class JobInfo(Struct, frozen=True, kw_only=True):
    """A job as others may see it, whether it runs or not."""

    name: str
    key: str
    """What it is called where it keeps what it has not finished: no other job ever is."""
    path: Path
    spec: JobSpec
    arguments: dict[str, Any]
    state: State
    reason: str
    """Why it is in this state; "" where that says itself."""
    resume_at: float | None
    """When a parked job may go on: seconds since 1970, UTC."""
    pid: int
    """Of the process that ran it last, or runs it."""
    mark: Mark
    created_at: float
    changed_at: float


def check_same(name: str, known: JobSpec, asked: JobSpec) -> None:
    """Refuse a journal that belongs to another job. Raises ``JournalError`` that names all."""
    if known.kind != asked.kind:
        raise JournalError(
            f"job {name!r} is another job, of kind {known.kind}: begin this {asked.kind} under"
            " another name"
        )
    before, after = _fields(known), _fields(asked)
    if known.source != asked.source:  # and of course its content
        del before["fingerprint"], after["fingerprint"]
    differs = [
        "the content of the input has changed"
        if field == "fingerprint"
        else f"{field.replace('_', ' ')} was {before.get(field)!r} and is {after.get(field)!r}"
        for field in before | after
        if before.get(field) != after.get(field)
    ]
    if differs:
        raise JournalError(
            f"job {name!r} is another job: {'; '.join(differs)}."
            " Give what it was begun with, or begin a job of another name"
        )


def fingerprint(path: Path) -> str:
    """Tell the content of a file from any other. Raises ``OSError``."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


def _fields(spec: JobSpec) -> dict[str, Any]:
    fields = msgspec.structs.asdict(spec)
    return fields | {f"option {name}": value for name, value in fields.pop("options").items()}
