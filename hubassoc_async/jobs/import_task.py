"""What an import is told: which links, and what becomes of them.

Knows: what the journal of an import keeps. Does not know: terminals, HTTP, how an import runs.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Self, TypeAlias

import msgspec

from hubassoc_async.client import AssociationsClient
from hubassoc_async.jobs.importing import ImportJob, ImportProgress, is_loaded
from hubassoc_async.jobs.job_spec import Api, JobSpec, JournalError
from hubassoc_async.jobs.journal import Journal
from hubassoc_async.jobs.pairs import GivenLinks, PairSource, open_pairs
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
from hubassoc_async.jobs.writing import WriteOrder
from hubassoc_async.model import LinkGiven

Links: TypeAlias = str | Path | PairSource | Iterable[LinkGiven]
"""A file, a folder of Parquet files, a database's URL, ``-`` for stdin; or what gives links."""


class ImportTask(Task[ImportProgress]):
    """What an import is told."""

    def __init__(
        self, journal: Journal, order: WriteOrder, source: PairSource | None, given: Links | None
    ) -> None:
        """Use ``begin`` or ``resume``."""
        super().__init__(journal)
        self._order, self._source, self._given = order, source, given

    @classmethod
    def begin(
        cls,
        api: Api,
        order: WriteOrder,
        *,
        links: Links,
        name: str | None = None,
        told: Mapping[str, Any],
        directory: Path | None = None,
    ) -> Self:
        """Begin an import, or take up the same one; ``told``: what ``resume`` is not told again.

        Raises ``SourceError`` and ``UsageError``: then there is no journal.
        """
        source = _open(links, order)
        try:
            options = msgspec.structs.asdict(order)
            ends = {end: options.pop(end) for end in ("from_object_type", "to_object_type")}
            spec = JobSpec(
                kind="import",
                **ends,
                **msgspec.structs.asdict(api),
                source=described(source),
                fingerprint=content(source),
                target="HubSpot",
                options=options,
            )
            own = places(links=links)
            journal = begin_journal(name, spec, own | dict(told), directory, read=source.path)
            return cls(journal, order, source, links)
        except BaseException:
            source.close()
            raise

    @classmethod
    def resume(
        cls, journal: Journal, api: Api, *, source: Links | None = None, to: Any = None
    ) -> Self:
        """Take up an import. ``source``: the links again."""
        if to is not None:
            raise JournalError(f"job {journal.name!r} writes to HubSpot: it has no other target")
        spec = journal.spec
        ends = {"from_object_type": spec.from_object_type, "to_object_type": spec.to_object_type}
        order = msgspec.convert(spec.options | ends, WriteOrder)
        found = cls._needed(journal, order, source)
        check_again(journal, api, found)
        return cls(journal, order, found, source)

    @property
    def wanted(self) -> str | None:
        """Nothing, unless links came by a pipe of which they had not all come."""
        named = self.journal.arguments.get("links", STDIN) != STDIN
        return "" if named or is_loaded(self.journal) else None

    def close(self) -> None:
        """Let go of the job and of its input."""
        if self._source is not None:
            self._source.close()
        super().close()

    def _make(self, client: AssociationsClient) -> ImportJob:
        origin = self._order.origin(self.journal.spec.api_version)
        letters = self._letters(origin.letter)
        return ImportJob(client, self.journal, self._order, self._source, letters=letters)

    def _renew(self) -> None:
        if self._source is not None:
            self._source.close()
        self._source = self._needed(self.journal, self._order, self._given)

    @staticmethod
    def _needed(journal: Journal, order: WriteOrder, given: Links | None) -> PairSource | None:
        """Open the links, unless all of them are in the journal."""
        if journal.state == "complete" or is_loaded(journal):
            return None
        place = given if given is not None else journal.arguments.get("links", STDIN)
        if given is None and place == STDIN:
            raise JournalError(
                f"the links of job {journal.name!r} came from {journal.spec.source} and had not"
                " all come, and nothing was written: begin again"
                f" (hubassoc jobs --forget {journal.name})"
            )
        return _open(place, order)


def _open(links: Links, order: WriteOrder) -> PairSource:
    if isinstance(links, str | Path):
        typed = order.operation in ("create", "archive_labels")
        return opened(lambda: open_pairs(links, typed=typed))
    return links if isinstance(links, PairSource) else GivenLinks(links)
