"""Parquet as the sink of a job: a part for each chunk, hidden until all of them are there.

A Parquet file is read from its end, so one that is not finished cannot be gone back in: parts are
whole by themselves. They become a folder of that name; or they are Arrow files, which cost next to
nothing, and become one Parquet file at the end, row group by row group.

Knows: files. Does not know: how rows become columns, reads.
"""

import os
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, ClassVar, Final

from hubassoc_async.errors import UsageError
from hubassoc_async.jobs.arrow import ArrowRows, packed_rows
from hubassoc_async.jobs.files import sync_directory
from hubassoc_async.jobs.job_sink import SINK, Target, check_directory
from hubassoc_async.jobs.journal import JournalError, Mark
from hubassoc_async.jobs.parquet import ROW_GROUP, open_parquet
from hubassoc_async.model import ObjectAssociations

_PART: Final = re.compile(r"part-\d{6,}\.parquet")


class PartsFolder:
    """A folder of Parquet files, each of some row groups."""

    packed = True
    ending: ClassVar[str] = ".parquet"
    """Of the name of a part."""
    chunk_ids = 20_000
    chunk_rows = 100_000  # even with some associations of several types: one row group

    def __init__(self, target: Target) -> None:
        """Raises ``UsageError`` for a place that holds something else, or without pyarrow."""
        self._rows = ArrowRows("writing Parquet", target.from_object_type, target.to_object_type)
        self._name = target.name
        self._path = path = target.path
        check_directory(path)
        self._check_place()
        hidden = f".{path.name}.{target.job}"
        self._staging = path.with_name(f"{hidden}.part")
        self._old = path.with_name(f"{hidden}.old")
        self._parts = self._written = 0
        self._there = False

    def resume(self, mark: Mark) -> Mark:
        """Remove the parts that were written after the mark."""
        self._rows.clear()
        at = mark.positions.get(SINK)
        if at is None:
            shutil.rmtree(self._staging, ignore_errors=True)
            self._staging.mkdir()
            sync_directory(self._staging.parent)
            self._prepare()
            return mark
        self._parts, self._written = at["parts"], at["rows"]
        names = self._part_names()
        if self._staging.is_dir() and all(map(Path.exists, names)):
            for extra in set(self._staging.iterdir()) - {*names, self._last()}:
                extra.unlink()
        elif self._is_finished(at["inode"]):
            self._there = True  # the job died just before it could say so
        else:
            raise JournalError(f"{self._staging} is not what the job had written")
        return mark

    def write(self, outcomes: Sequence[ObjectAssociations]) -> None:
        """Make columns, and hold them."""
        self._rows.add(outcomes)

    def commit(self, mark: Mark) -> None:
        """Write one part, if there is any row."""
        if self._rows:
            self._write_part()
        last = self._last()
        mark.positions[SINK] = {
            "parts": self._parts,
            "rows": self._written,
            "inode": last.stat().st_ino if last else 0,
        }

    def finish(self) -> str:
        """Give it its name, and leave nothing beside it."""
        if not self._there:
            self._appear()
            self._there = True
        shutil.rmtree(self._staging, ignore_errors=True)
        shutil.rmtree(self._old, ignore_errors=True)
        sync_directory(self._path.parent)  # a job that is complete removes nothing any more
        return self._name

    def abandon(self) -> None:
        """Nothing is held open between chunks."""

    def discard(self) -> None:
        """Remove the parts, and leave what was there before under its name."""
        if self._old.exists() and not self._path.exists():
            self._old.rename(self._path)  # the job died between the two names
        shutil.rmtree(self._staging, ignore_errors=True)
        shutil.rmtree(self._old, ignore_errors=True)

    def _check_place(self) -> None:
        """Refuse to replace what is no folder of parts."""
        path = self._path
        if path.exists() and not path.is_dir():
            raise UsageError(f"{path} is no folder: an export of parts would replace it")
        other = (
            [one.name for one in path.iterdir() if not _PART.fullmatch(one.name)]
            if (path.is_dir())
            else []
        )
        if other:
            raise UsageError(
                f"{path} has other files than an export's parts ({other[0]}), and an export would"
                " replace them: name another folder"
            )

    def _appear(self) -> None:
        if not self._parts:
            self._write_part()  # a folder without a file has no columns
        if self._path.exists():
            self._check_place()
            self._path.rename(self._old)
        self._staging.rename(self._path)
        sync_directory(self._path.parent)

    def _prepare(self) -> None:
        """Make what must be there from the start."""

    def _last(self) -> Path | None:
        """The file that is told from all others by its inode, here and under the name."""
        return self._part(self._parts - 1) if self._parts else None

    def _is_finished(self, inode: int) -> bool:
        """Whether what is there under the name is whole, and this job's.

        One of an earlier export of the same ids may well have as many rows.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        names = self._final_names()
        try:
            rows = sum(pq.read_metadata(part).num_rows for part in names)
            found = names[-1].stat().st_ino
        except (OSError, pa.ArrowException):
            return False
        return rows == self._written and inode in (0, found)  # 0: one without rows is like another

    def _final_names(self) -> list[Path]:
        return [self._path / self._part(number).name for number in range(max(self._parts, 1))]

    def _part_names(self) -> list[Path]:
        return [self._part(number) for number in range(self._parts)]

    def _part(self, number: int) -> Path:
        return self._staging / f"part-{number:06}{self.ending}"

    def _write_part(self) -> None:
        """Make what was taken in durable, as the next part."""
        with _durable(self._part(self._parts)) as file:
            self._written += self._write(file)
        self._parts += 1

    def _write(self, file: IO[bytes]) -> int:
        """Write what was taken in; how many rows that is."""
        table = self._rows.take()
        with open_parquet(file, self._rows) as writer:
            writer.write_table(table, row_group_size=ROW_GROUP)
        return int(table.num_rows)


class PartsFile(PartsFolder):
    """One Parquet file, made of its parts at the end."""

    ending = ".arrow"

    def __init__(self, target: Target) -> None:
        """As of a folder."""
        super().__init__(target)
        self._whole = self._staging / "whole"

    def _prepare(self) -> None:
        with _durable(self._whole):
            pass

    def _last(self) -> Path:
        return self._whole  # from the start: the parts are not in it then

    def _check_place(self) -> None:
        if self._path.exists() and not self._path.is_file():
            raise UsageError(f"{self._path} is no regular file: a job cannot go back in it")

    def _write(self, file: IO[bytes]) -> int:
        import pyarrow as pa

        packed = self._rows.packed()
        with pa.ipc.new_file(file, packed.schema) as writer:
            writer.write_batch(packed)
        return packed_rows(packed)

    def _appear(self) -> None:
        with _durable(self._whole) as file, open_parquet(file, self._rows) as writer:
            for group in self._row_groups():
                writer.write_table(group, row_group_size=ROW_GROUP)
        self._whole.replace(self._path)
        sync_directory(self._path.parent)

    def _row_groups(self) -> Iterator[Any]:
        """The rows of all parts, in full row groups."""
        import pyarrow as pa

        rest = self._rows.take()
        for part in self._part_names():
            with pa.OSFile(str(part)) as file:
                rows = self._rows.unpacked(pa.ipc.open_file(file).get_batch(0))
            if len(rest):
                rows = pa.concat_tables([rest, rows]).unify_dictionaries()
            full = len(rows) - len(rows) % ROW_GROUP
            if full:
                yield rows.slice(0, full)
            rest = rows.slice(full)
        if len(rest):
            yield rest

    def _final_names(self) -> list[Path]:
        return [self._path]


@contextmanager
def _durable(path: Path) -> Iterator[IO[bytes]]:
    """Open a new file that is durable when it is closed."""
    with path.open("wb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())
    sync_directory(path.parent)
