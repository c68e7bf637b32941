"""The ``hubassoc`` command in real processes: forked ones are there in milliseconds.

The standard library's fork server forks them from one process that has imported everything and
run nothing: to import takes 0.3 to 0.8 s, which was most of a kill. From ``main()`` on such a
process does what the installed command does, with its own pid, arguments, environment, directory
and files for what it says; SIGKILL ends it as it ends any other. Its chunks are smaller, so that
a job of half a second has a dozen of them, and its files are as slow to be durable in memory as
on a disk, so that there is time to die between what is written and what says so.
"""

import asyncio
import multiprocessing
import os
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from functools import partial
from multiprocessing import forkserver
from pathlib import Path
from typing import Final
from unittest.mock import patch

from tests.cli.command import Done, checked, environment

CHUNK: Final = 500
"""Ids of an export's chunk, pairs of an import's, changes of a sync's; else 1,000 to 20,000."""
_SYNC: Final = 0.004  # seconds, as an SSD of a virtual machine takes

_LOADED: Final = (
    *("hubassoc_async.cli.commands", "hubassoc_async.jobs.parts", "hubassoc_async.jobs.tables"),
    *("duckdb", "psycopg", "pyarrow.compute", "pyarrow.dataset", "pyarrow.parquet"),
    *("unittest.mock", "pytest"),  # the parent's main module may be pytest's: a child has it again
)
# A fork has none of the threads that were there: pyarrow's libraries start some when imported.
_NO_THREADS: Final = {
    "OPENBLAS_NUM_THREADS": "1",
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
}


class Command(ABC):
    """One process of ``hubassoc`` with some arguments."""

    def __init__(
        self, *arguments: object, cwd: Path, said: Path, more: Mapping[str, str] | None = None
    ) -> None:
        """Start it. ``said``: a path beside which it makes files of what it says."""
        self._said = [said.with_suffix(ending) for ending in (".out", ".err")]
        for path in self._said:
            path.touch()  # it may die before it can
        self._start([*map(str, arguments)], cwd, environment(**(more or {})))

    @property
    def running(self) -> bool:
        """Whether it has not ended yet."""
        return self._status() is None

    @abstractmethod
    def kill(self) -> None:
        """Send SIGKILL."""

    async def end(self) -> Done:
        """Wait for its end."""
        while (status := self._status()) is None:
            await asyncio.sleep(0.001)
        self._close()
        out, err = (path.read_bytes() for path in self._said)
        return checked(status, out, err)

    @abstractmethod
    def _start(self, words: list[str], cwd: Path, variables: dict[str, str]) -> None: ...

    @abstractmethod
    def _status(self) -> int | None: ...

    @abstractmethod
    def _close(self) -> None: ...


class Forked(Command):
    """Forked from a process that has everything imported."""

    def _start(self, words: list[str], cwd: Path, variables: dict[str, str]) -> None:
        processes = multiprocessing.get_context("forkserver")
        processes.set_forkserver_preload([*_LOADED])
        with patch.dict(os.environ, _NO_THREADS):
            forkserver.ensure_running()
        told = words, cwd, variables, self._said
        self._process = processes.Process(target=_be_the_command, args=told)
        self._process.start()

    def kill(self) -> None:
        """Send SIGKILL."""
        self._process.kill()

    def _status(self) -> int | None:
        return self._process.exitcode

    def _close(self) -> None:
        self._process.close()


class Executed(Command):
    """As anybody starts it, with chunks as large as anybody's."""

    def _start(self, words: list[str], cwd: Path, variables: dict[str, str]) -> None:
        out, err = (path.open("wb") for path in self._said)
        with out, err:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "hubassoc_async", *words],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                cwd=cwd,
                env=variables,
            )

    def kill(self) -> None:
        """Send SIGKILL."""
        self._process.kill()

    def _status(self) -> int | None:
        return self._process.poll()

    def _close(self) -> None:
        """It has been waited for."""


def _be_the_command(
    words: list[str], cwd: Path, variables: dict[str, str], said: list[Path]
) -> None:
    for number, path in enumerate(said, 1):
        file = os.open(path, os.O_WRONLY)
        os.dup2(file, number)
        os.close(file)
    assert "duckdb" in sys.modules, "the fork server has not loaded what it was told to"
    threads = Path(f"/proc/{os.getppid()}/task")
    assert not threads.exists() or len([*threads.iterdir()]) == 1, "a fork lacks its threads"
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(variables)
    sys.argv = ["hubassoc", *words]
    _make_chunks_small()
    _make_disks_slow()
    from hubassoc_async.cli import main

    main()


def _make_chunks_small() -> None:
    from hubassoc_async.jobs import importing, lines_file, parts, sync_apply, sync_task, tables

    patch.object(lines_file.LinesFile, "chunk_ids", CHUNK).start()
    patch.object(parts.PartsFolder, "chunk_ids", CHUNK).start()
    patch.object(parts, "ROW_GROUP", CHUNK).start()
    patch.object(tables.TableSink, "chunk_ids", CHUNK).start()
    patch.object(importing, "_CHUNK", dict.fromkeys(importing._CHUNK, CHUNK)).start()
    small = partial(sync_apply.ApplyJob, chunk=CHUNK)
    patch.object(sync_task, "ApplyJob", small).start()


def _make_disks_slow() -> None:
    durable = os.fsync

    def fsync(file: int) -> None:
        time.sleep(_SYNC)
        durable(file)

    patch.object(os, "fsync", fsync).start()
