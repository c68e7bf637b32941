"""Failures of earlier work as a source of ids or links: those that are worth another try.

Knows: dead letters. Does not know: who tries again.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import msgspec

from hubassoc_async.jobs.dead_letters import DeadLetter, Origin
from hubassoc_async.jobs.text_file import SourceError
from hubassoc_async.model import AssociationType, Link, TypeGiven


class Letters:
    """The failures of one file: all of one operation, types and version."""

    blocks = False
    skipped = 0

    def __init__(self, path: Path, *, every: bool = False) -> None:
        """Look through the file. ``every``: take those too that are not worth it.

        Raises ``SourceError`` for a file that is none, and ``OSError``.
        """
        self.path: Path | None = path
        self.name = str(path)
        self._file = path
        self._every = every
        self._given = 0
        self.chosen = 0
        """How many are taken."""
        self.left: Counter[str] = Counter()
        """How many are not, by category."""
        origins: dict[Origin, None] = {}
        for letter in self._letters():
            origins[letter.origin] = None
            if letter.transient or every:
                self.chosen += 1
            else:
                self.left[letter.category] += 1
        if len(origins) != 1:
            raise SourceError(
                f"{path} is empty"
                if not origins
                else f"{path} has failures of several commands"
                f" ({', '.join(map(_described, origins))}): replay a file for each"
            )
        (self.origin,) = origins
        """What all of them come from."""

    @property
    def fraction(self) -> float | None:
        """How much has been given out."""
        return self._given / self.chosen if self._given else None

    def close(self) -> None:
        """Nothing is open between two lines."""

    def _letters(self) -> Iterator[DeadLetter]:
        decode = msgspec.json.Decoder(DeadLetter).decode
        with self._file.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                try:
                    yield decode(line)
                except msgspec.DecodeError as error:
                    raise SourceError(
                        f"{self._file}, line {number} is no failure that can be replayed: {error}"
                    ) from None

    def _chosen(self) -> Iterator[DeadLetter]:
        for letter in self._letters():
            if letter.transient or self._every:
                self._given += 1
                yield letter


class LetterIds(Letters):
    """The ids that were not read."""

    def __iter__(self) -> Iterator[str]:
        return (letter.from_object_id for letter in self._chosen())


class LetterLinks(Letters):
    """The links that were not written."""

    def __iter__(self) -> Iterator[Link]:
        for letter in self._chosen():
            types = letter.association_types or ()
            yield Link(letter.from_object_id, letter.to_object_id or "", tuple(map(_given, types)))


def _given(one: AssociationType) -> TypeGiven:
    """A type as it was given: what nobody knew is known by its name or number alone."""
    if one.category != "UNKNOWN":
        return one
    return one.type_id if one.type_id is not None else one.label or ""


def _described(origin: Origin) -> str:
    return f"{origin.operation} {origin.from_object_type} → {origin.to_object_type}"
