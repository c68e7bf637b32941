"""The Parquet sink of a read: one file, in row groups of bounded size.

Knows: Parquet files. Does not know: how rows are made, reads, HubSpot.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from hubassoc_async.jobs.arrow import ArrowRows
from hubassoc_async.jobs.files import Target
from hubassoc_async.model import ObjectAssociations

ROW_GROUP: Final = 1 << 17
"""Rows of a row group, at most; associations are held until there are as many of them."""


class ParquetSink:
    """The columns of ``ArrowRows``, compressed by zstd. An id with no associations has no row."""

    def __init__(self, target: Target, from_object_type: str, to_object_type: str) -> None:
        self._rows = ArrowRows("writing Parquet", from_object_type, to_object_type)
        self._target = target
        self.blocks = target.blocks
        self._writer = open_parquet(target.file, self._rows)

    def write(self, outcomes: Sequence[ObjectAssociations]) -> None:
        """Take a row for each type of each association."""
        self._rows.add(outcomes)
        if len(self._rows) >= ROW_GROUP:
            self._write_group()

    def commit(self, *, complete: bool = True) -> Path | None:
        """Make the file appear."""
        if self._rows:
            self._write_group()
        self._writer.close()
        return self._target.commit(complete=complete)

    def abort(self) -> None:
        """Leave nothing behind."""
        self._target.abort()

    def _write_group(self) -> None:
        self._writer.write_table(self._rows.take(), row_group_size=ROW_GROUP)


def open_parquet(file: Any, rows: ArrowRows) -> Any:
    """Open a writer of such rows; ``file`` is a path or an open file."""
    import pyarrow.parquet as pq

    # to look for ids that repeat, and for the least and the greatest word, costs more than it saves
    ids = [name for name in rows.schema.names if name.endswith("object_id")]
    words = [name for name in rows.schema.names if name not in ids]
    return pq.ParquetWriter(
        file, rows.schema, compression="zstd", use_dictionary=words, write_statistics=ids
    )
