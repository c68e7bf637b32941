"""Lists of what a command that was stopped has not done, to be given to the next one.

Knows: ids one a line, links as NDJSON, which files are such lists. Does not know: what stopped it,
what is done with them.
"""

from collections.abc import Callable, Iterable
from itertools import islice
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

import msgspec
from msgspec import Struct

from hubassoc_async.errors import UsageError
from hubassoc_async.jobs.feed import Feed
from hubassoc_async.jobs.files import forget_list, is_descriptor, naming, open_target
from hubassoc_async.model import AssociationType, Link
from hubassoc_async.protocol.ids import object_id

T = TypeVar("T")

_LINES: Final = 10_000  # written at a time
_LONGEST: Final = 1 << 20
"""Bytes of a line: no list has any that is longer."""


class Remains(Struct, frozen=True):
    """A list that is there."""

    path: Path
    count: int
    whole: bool
    """Whether it has all: else the input had not been read to its end."""


class Form(Struct, Generic[T], frozen=True):
    """What a list is of."""

    things: str
    """What they are called."""
    encode: Callable[[list[T]], bytes]
    """Make lines."""
    begins: Callable[[bytes], bool]
    """Whether a line may be the first of such a list."""

    async def keep(
        self, path: Path, known: Iterable[T], feed: Feed[T] | None, *, wait: bool
    ) -> Remains:
        """Write down what is known to remain, and what a feed has.

        ``wait``: for the end of the feed. Raises ``OSError``.
        """
        with naming(path):
            return await self._keep(path, known, feed, wait=wait)

    async def _keep(
        self, path: Path, known: Iterable[T], feed: Feed[T] | None, *, wait: bool
    ) -> Remains:
        file, count = open_target(path), 0

        def put(some: list[T]) -> None:
            nonlocal count
            file.file.write(self.encode(some))
            count += len(some)

        try:
            given = iter(known)
            while some := list(islice(given, _LINES)):
                put(some)
            whole = feed is None or wait or feed.exhausted
            if feed is not None and not wait:
                put(feed.held())
            while feed is not None and wait and (more := await feed.take(_LINES)):
                put(more)
            file.commit()
            return Remains(path, count, whole)
        finally:
            file.abort()

    def check(self, path: Path) -> None:
        """Refuse to put a list in the place of what is none. Raises ``UsageError``."""
        if not path.is_file() or is_descriptor(path):
            return
        try:
            with path.open("rb") as file:
                first = file.readline(_LONGEST)
        except OSError as error:
            raise UsageError(f"{path} cannot be read: {error.strerror}") from error
        if first and not self.begins(first):
            raise UsageError(
                f"{path} is there and is no list of {self.things} that remain: name another file"
                " for them"
            )

    def forget(self, path: Path | None, read: Path | None) -> None:
        """Remove the list of an earlier command, unless that is what was ``read`` now."""
        if path is not None and not _same(path, read):
            forget_list(path, self.check)


class _Line(Struct, forbid_unknown_fields=True):
    from_object_id: str
    to_object_id: str
    association_types: list[dict[str, Any]]


def _same(path: Path, read: Path | None) -> bool:
    return read is not None and read.exists() and path.exists() and path.samefile(read)


def _encode_ids(ids: list[str]) -> bytes:
    return "".join(f"{' '.join(one.split())}\n" for one in ids).encode()


def _is_id(line: bytes) -> bool:
    return object_id(line.decode(errors="replace")) is not None


def _encode_links(links: list[Link]) -> bytes:
    return msgspec.json.Encoder().encode_lines([_line(link) for link in links])


def _is_link(line: bytes) -> bool:
    try:
        msgspec.json.decode(line, type=_Line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
    return True


def _line(link: Link) -> dict[str, object]:
    types = link.types
    if isinstance(types, str | int | AssociationType):
        types = (types,)
    return {
        "from_object_id": str(link.from_object_id),
        "to_object_id": str(link.to_object_id),
        "association_types": [_type(one) for one in types],
    }


def _type(one: str | int | AssociationType) -> object:
    if isinstance(one, AssociationType):
        return one
    return {"type_id": one} if isinstance(one, int) else {"label": one}


UNREAD: Final = Form[str]("ids", _encode_ids, _is_id)
UNWRITTEN: Final = Form[Link]("links", _encode_links, _is_link)
