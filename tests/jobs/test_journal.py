"""Journals: durable, for one job and one process, and readable by others."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from unittest.mock import patch

import msgspec
import pytest

from hubassoc_async.jobs import journal as journal_module
from hubassoc_async.jobs.job_files import locked, remove_files
from hubassoc_async.jobs.job_lock import hold
from hubassoc_async.jobs.journal import (
    JobSpec,
    Journal,
    JournalError,
    Mark,
    find_job,
    fingerprint,
    has_job,
    jobs,
)

SPEC = JobSpec(
    kind="export",
    from_object_type="contacts",
    to_object_type="companies",
    api_version="v4",
    base_url="https://api.hubapi.com",
    source="file ids.csv",
    fingerprint="1234",
    target="out.csv",
    options={"id_column": None},
)
MARK = Mark(items=7, counts={"found": 5, "failed": 2}, positions={"sink": {"bytes": 12}})


def test_it_comes_back_as_it_was(tmp_path: Path) -> None:
    """What was committed is there when the journal is opened again."""
    journal = Journal.create("one", SPEC, arguments={"to": "out.csv"}, directory=tmp_path)
    assert (journal.state, journal.mark) == ("new", Mark())
    journal.commit(MARK)
    journal.set_state("parked", reason="the day is spent", resume_at=12.5)
    journal.close()
    journal = Journal.open("one", directory=tmp_path, expect=SPEC)
    assert (journal.name, journal.spec, journal.mark) == ("one", SPEC, MARK)
    assert journal.arguments == {"to": "out.csv"}
    info = journal.info
    assert (info.state, info.reason, info.resume_at) == ("parked", "the day is spent", 12.5)
    assert info.pid == os.getpid()
    journal.close()


def test_it_is_durable_with_each_commit(tmp_path: Path) -> None:
    """SQLite is told to wait for the disk, in the mode in which others can read meanwhile."""
    journal = Journal.create("one", SPEC, directory=tmp_path)
    assert journal.connection.execute("pragma synchronous").fetchone() == (2,)
    assert journal.connection.execute("pragma journal_mode").fetchone() == ("wal",)
    journal.close()


def test_the_way_to_it_is_durable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Directories that are made for it outlast a power cut, as it does."""
    durable: set[int] = set()
    monkeypatch.setattr(os, "fsync", lambda file: durable.add(os.fstat(file).st_ino))
    state = tmp_path / "state"
    Journal.create("job", SPEC, directory=state / "hubassoc" / "jobs").close()
    made = tmp_path, state, state / "hubassoc", state / "hubassoc" / "jobs"
    assert durable == {one.stat().st_ino for one in made}


def test_names(tmp_path: Path) -> None:
    """A job without a name gets one of its own, and a name is taken once."""
    first = Journal.create(None, SPEC, directory=tmp_path)
    second = Journal.create(None, SPEC, directory=tmp_path)
    assert first.name.startswith("export-contacts-companies-2")
    assert (first.name[-2:], second.name[-2:]) == ("-1", "-2")
    first.close()
    with pytest.raises(JournalError, match="already: go on with it"):
        Journal.create(first.name, SPEC, directory=tmp_path)
    for name in ("", "../up", ".hidden", "a/b", "x" * 101):
        with pytest.raises(JournalError, match="cannot be the name"):
            Journal.create(name, SPEC, directory=tmp_path)
    with pytest.raises(JournalError, match="there is no job"):
        Journal.open("none", directory=tmp_path)
    second.close()


def test_another_job_is_refused_with_what_differs(tmp_path: Path) -> None:
    """Each field that is not the same is named, options and changed content too."""
    Journal.create("one", SPEC, directory=tmp_path).close()
    other = msgspec.structs.replace(
        SPEC, api_version="v3", fingerprint="5678", options={"id_column": "id", "more": True}
    )
    with pytest.raises(JournalError) as refused:
        Journal.open("one", directory=tmp_path, expect=other)
    said = str(refused.value)
    for part in ("api version was 'v4' and is 'v3'", "content of the input", "option id column"):
        assert part in said
    assert "option more was None and is True" in said
    assert "target" not in said
    elsewhere = msgspec.structs.replace(SPEC, source="file b.csv", fingerprint="5678")
    with pytest.raises(JournalError, match="source was") as refused:
        Journal.open("one", directory=tmp_path, expect=elsewhere)
    assert "content" not in str(refused.value)
    with pytest.raises(JournalError, match="of kind export: begin this sync under another name"):
        Journal.open("one", directory=tmp_path, expect=msgspec.structs.replace(SPEC, kind="sync"))
    Journal.open("one", directory=tmp_path, expect=SPEC).close()  # it was let go of


def test_another_format_is_refused(tmp_path: Path) -> None:
    """A journal of another version, a file that died unborn and one that is none say so."""
    journal = Journal.create("one", SPEC, directory=tmp_path)
    for other in (1, 99):  # 1: its parts and its hidden failures are called otherwise
        journal.connection.execute(f"pragma user_version = {other}")
        with pytest.raises(JournalError, match=f"has format {other}.* begin it again under"):
            find_job("one", directory=tmp_path)
    journal.close()
    with pytest.raises(JournalError, match="has format 99"):
        Journal.open("one", directory=tmp_path)
    (tmp_path / "unborn.sqlite").touch()
    assert not has_job("unborn", tmp_path)
    with pytest.raises(JournalError, match="died before it began"):
        Journal.open("unborn", directory=tmp_path)
    (tmp_path / "text.sqlite").write_text("no database, though it may look like one" * 99)
    with pytest.raises(JournalError, match="is no journal"):
        Journal.open("text", directory=tmp_path)
    assert jobs(tmp_path) == []
    Journal.create("unborn", SPEC, directory=tmp_path).close()
    assert [job.name for job in jobs(tmp_path)] == ["unborn"]


HOLD = """
import sys
import time
from pathlib import Path
from hubassoc_async.jobs.journal import Journal, Mark
journal = Journal.open("one", directory=Path(sys.argv[1]))
journal.set_state("running")
journal.commit(Mark(items=3))
print("held", flush=True)
sys.stdin.read()
"""


def test_one_process_at_a_time(tmp_path: Path) -> None:
    """A second process is refused and can look; the lock goes with the process that is killed."""
    Journal.create("one", SPEC, directory=tmp_path).close()
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        for take in (
            Journal.open,
            lambda name, directory: Journal.create(name, SPEC, directory=directory),
        ):
            with pytest.raises(JournalError, match=rf"another process \(pid {holder.pid}\)"):
                take("one", directory=tmp_path)
        assert (find_job("one", tmp_path).state, jobs(tmp_path)[0].mark.items) == ("running", 3)
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    info = find_job("one", tmp_path)
    assert (info.state, info.reason, info.mark.items) == ("stopped", "its process was killed", 3)
    Journal.open("one", directory=tmp_path).close()


def test_a_transaction_is_all_or_nothing(tmp_path: Path) -> None:
    """What fails half way leaves nothing, and what SQLite cannot do is an ``OSError``."""
    journal = Journal.create("one", SPEC, directory=tmp_path)

    def half() -> None:
        with journal.transaction() as connection:
            connection.execute("create table other (x)")
            raise ValueError("half way")

    with pytest.raises(ValueError, match="half way"):
        half()
    assert (
        journal.connection.execute("select * from sqlite_master where name='other'").fetchall()
        == []
    )
    journal.connection.execute("pragma query_only = on")  # as a disk that takes nothing more
    with pytest.raises(OSError, match="the journal cannot be written"):
        journal.commit(MARK)
    journal.close()


def test_samples_are_written_with_the_next_commit(tmp_path: Path) -> None:
    """A row of numbers costs no transaction of its own."""
    journal = Journal.create("one", SPEC, directory=tmp_path)
    journal.sample({"requests": 3})
    assert journal.connection.execute("select * from samples").fetchall() == []
    journal.commit(MARK)
    ((_, numbers),) = journal.connection.execute("select * from samples").fetchall()
    assert msgspec.json.decode(numbers) == {"requests": 3}
    journal.close()


def test_a_lock_is_of_the_file_that_is_there(tmp_path: Path) -> None:
    """Who waited for a job that is forgotten meanwhile holds it against all who come later."""
    path = tmp_path / "one.lock"
    first = hold(path)
    assert first is not None
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(hold, path)
        time.sleep(0.1)  # if that is too short, there is no more to see here
        path.unlink()
        first.close()
        second = waiting.result()
        assert second is not None
        assert hold(path) is None
        pool.submit(second.close).result()


def test_to_open_what_is_forgotten_meanwhile_makes_nothing(tmp_path: Path) -> None:
    """Neither an empty journal, nor an error that is none of a job's."""
    Journal.create("one", SPEC, directory=tmp_path).close()

    def forgotten(path: Path) -> object:
        remove_files(path)
        return locked(path)

    with (
        patch.object(journal_module, "locked", forgotten),
        pytest.raises(JournalError, match="there is no job 'one'"),
    ):
        Journal.open("one", directory=tmp_path)
    assert not list(tmp_path.glob("*.sqlite"))


def test_forgetting(tmp_path: Path) -> None:
    """A job that is removed leaves no file."""
    journal = Journal.create("one", SPEC, directory=tmp_path)
    journal.commit(MARK)
    journal.remove()
    assert list(tmp_path.iterdir()) == []


def test_keys(tmp_path: Path) -> None:
    """A name that is used again is another job: it takes nothing of the first for its own."""
    first = Journal.create("one", SPEC, directory=tmp_path)
    key = first.key
    assert key.startswith("one-")
    first.remove()
    second = Journal.create("one", SPEC, directory=tmp_path)
    assert second.key != key
    key = second.key
    second.close()
    assert find_job("one", tmp_path).key == key


def test_fingerprints(tmp_path: Path) -> None:
    """A file's content, and nothing else of it, makes its fingerprint."""
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_text("1\n2\n")
    two.write_text("1\n2\n")
    assert fingerprint(one) == fingerprint(two)
    two.write_text("1\n3\n")
    assert fingerprint(one) != fingerprint(two)


def test_no_connection_is_left_open(tmp_path: Path) -> None:
    """A look at a journal leaves it as it was: one process could still delete it."""
    Journal.create("one", SPEC, directory=tmp_path).close()
    find_job("one", tmp_path)
    with sqlite3.connect(tmp_path / "one.sqlite", timeout=0) as connection:
        connection.execute("pragma locking_mode = exclusive")
        connection.execute("begin exclusive")
    connection.close()


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    """It is said, and no other number is tried for ever."""
    (tmp_path / f"export-contacts-companies-{time.strftime('%Y%m%d')}-1.lock").mkdir()
    with pytest.raises(JournalError, match="cannot be written"):
        Journal.create(None, SPEC, directory=tmp_path)
