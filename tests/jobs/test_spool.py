"""The spool of a job's ids: what is given out is durable, and nothing is left out."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hubassoc_async.jobs.database import DatabaseFile
from hubassoc_async.jobs.export_task import ExportTask
from hubassoc_async.jobs.job_spec import Api, JournalError
from hubassoc_async.jobs.spool import Spool, SpooledIds


class Never:
    """A source that another thread has read."""

    name = "never"
    path: Path | None = None
    fraction: float | None = None
    blocks, skipped = True, 0

    def __iter__(self) -> Iterator[str]:
        time.sleep(3)
        return iter(("1", "2"))

    def close(self) -> None:
        """Nothing is open."""


def test_what_is_not_durable_yet_is_not_given(tmp_path: Path) -> None:
    """Ids that a thread is writing could be lost again, when they were read already."""
    with DatabaseFile(tmp_path / "x.sqlite") as database:
        spool = Spool(database)
        spool.append(["1", "2"])
        with database.transaction() as connection:
            connection.execute("insert into spool select 2, ids from spool")
            assert spool.block(0) == ["1", "2"]
            assert spool.block(2) == []


async def test_the_last_ids_come_as_a_thread_writes_them(tmp_path: Path) -> None:
    """Between the look for ids and the look for the end, both may come."""

    class Racing(Spool):
        late = True

        def block(self, start: int) -> list[str]:
            found = super().block(start)
            if self.late:
                self.late = False
                self.append(["1", "2"], last=True)
                asyncio.get_running_loop().call_soon(ids._changed.set)
            return found

    with DatabaseFile(tmp_path / "x.sqlite") as database:
        spool = Racing(database)
        ids = SpooledIds(spool, Never(), 0)
        assert await asyncio.wait_for(ids.take(10), 10) == ["1", "2"]
        assert await ids.take(10) == ()
        await ids.aclose()


def test_a_pipe_is_not_read_on_in_a_second_run(tmp_path: Path) -> None:
    """What the first run had read ahead would be missing: all is wanted again."""
    target = str(tmp_path / "x.ndjson")
    api, ends = Api("v4", "https://api.hubapi.com"), ("contacts", "companies")
    task = ExportTask.begin(api, *ends, ids="-", to=target, told={}, directory=tmp_path)
    client: Any = None  # nothing is asked
    task.work(client)
    with pytest.raises(JournalError, match="give all of them again"):
        task.work(client)
    task.close()
