"""Journals that this version cannot go on with: listed for what they are, and forgotten."""

import sqlite3
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result

from hubassoc_async.cli.commands import hubassoc
from hubassoc_async.client import AssociationsClient
from hubassoc_async.emulator import MemoryTransport, build_portal
from hubassoc_async.jobs import Job, forget, jobs
from hubassoc_async.jobs.job_lock import hold
from hubassoc_async.jobs.journal import Journal
from tests.jobs.test_journal import SPEC


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where journals are, and a folder to work in."""
    monkeypatch.setenv("HUBASSOC_JOBS", str(tmp_path / "jobs"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "jobs").mkdir()
    return tmp_path / "jobs"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(hubassoc, ["jobs", *arguments], catch_exceptions=False)


def make_other(name: str, folder: Path, how: str) -> None:
    """A journal of another format, whole or not, or a file that is none."""
    path = folder / f"{name}.sqlite"
    if how == "never begun":
        path.touch()
    elif how == "text":
        path.write_text("no database, though it may look like one" * 99)
    else:
        Journal.create(name, SPEC, directory=folder).close()
        with sqlite3.connect(path) as connection:
            if how != "format 2":
                connection.execute(f"pragma user_version = {how.removeprefix('format ')}")
            if how != "format 1":
                connection.execute("alter table job rename to what")
        connection.close()


@pytest.mark.parametrize(
    ("how", "shown"),
    [
        ("format 1", "format 1"),
        ("format 99", "format 99"),
        ("format 2", "unreadable"),
        ("text", "unreadable"),
        ("never begun", "never begun"),
    ],
)
def test_they_are_listed_and_forgotten(how: str, shown: str, folder: Path) -> None:
    """Neither hidden nor a reason to fail, and nothing of their own is left."""
    Journal.create("mine", SPEC, directory=folder).close()
    make_other("old", folder, how)
    listed = run()
    assert listed.exit_code == 0
    _, mine, old = listed.stdout.splitlines()
    assert mine.startswith("mine  new")
    assert old.startswith(f"old   {shown}")
    done = run("--forget", "old")
    assert (done.exit_code, "job 'old' is forgotten" in done.stderr) == (0, True)
    assert ("its journal" in done.stderr) is (how != "never begun")
    assert {one.stem for one in folder.iterdir()} == {"mine"}


async def test_what_one_of_an_earlier_format_hid_goes_with_it(folder: Path) -> None:
    """All that has its key in its name: where that is, the journal tells. Others' stays."""
    Path("ids").write_text("1001\n")
    portal = build_portal(contacts=9)
    portal.fail("forbidden")
    client = AssociationsClient(transport=MemoryTransport(portal), quota=None)
    Path("failed").mkdir()
    Path("out").mkdir()
    keys = {}
    for name in ("old", "other"):
        with Job.export(
            *(client, "contacts", "companies"),
            ids="ids",
            to=f"out/{name}.csv",
            name=name,
            failures=f"failed/{name}",
        ) as job:
            with pytest.raises(Exception, match="HTTP 403"):
                await job.run()
            keys[name] = key = job.info.key
        Path(f"failed/.{name}.{key}.part").touch()  # as failures were hidden once
        Path(f"out/.{name}.csv.{key}.parts").mkdir()
        Path(f"out/.{name}.csv.{key}.parts/1").touch()
    with sqlite3.connect(folder / "old.sqlite") as connection:
        connection.execute("pragma user_version = 1")
    connection.close()
    said = forget("old")
    assert said is not None
    assert f"without {keys['old']} in the name is" in said
    left = [one.name for place in ("out", "failed") for one in Path(place).iterdir()]
    assert len(left) == 3
    assert all(keys["other"] in one for one in left)
    assert [one.name for one in jobs()] == ["other"]


def test_one_that_is_running_is_not_forgotten(folder: Path) -> None:
    """By another version: it holds the same lock. And one that is being begun is not listed."""
    make_other("old", folder, "format 1")
    make_other("new", folder, "never begun")
    locks = [hold(folder / "old.lock"), hold(folder / "new.lock")]
    done = run("--forget", "old")
    assert (done.exit_code, "is running job 'old'" in done.stderr) == (2, True)
    assert "new" not in run().stdout
    for lock in locks:
        assert lock is not None
        lock.close()


def test_several_are_forgotten_at_once(folder: Path) -> None:
    """Each is told on its own, and one that cannot be does not keep the others."""
    for name in ("a", "b", "c"):
        Journal.create(name, SPEC, directory=folder).close()
    done = run("--forget", "a", "none", "b", "a")
    assert done.exit_code == 2
    assert done.stderr.splitlines()[0] == "job 'a' is forgotten"
    assert "there is no job 'none'" in done.stderr.splitlines()[1]
    assert done.stderr.splitlines()[2:] == ["job 'b' is forgotten"]
    assert run("--forget=c").exit_code == 0
    assert jobs() == []


def test_a_name_alone_is_no_command() -> None:
    """It is said which there are."""
    done = run("a")
    assert (done.exit_code, "hubassoc status a, or --forget a" in done.stderr) == (2, True)


def test_one_that_cannot_be_removed_is_said(folder: Path) -> None:
    """And does not keep the others."""
    for name in ("a", "b"):
        Journal.create(name, SPEC, directory=folder).close()
    (folder / "a.daily").mkdir()
    done = run("--forget", "a", "b")
    assert done.exit_code == 2
    assert "a.daily" in done.stderr
    assert "job 'b' is forgotten" in done.stderr


def test_a_sync_that_kept_less_is_forgotten(folder: Path) -> None:
    """One of the first format did not say in which folder its files are."""
    spec = msgspec.structs.replace(SPEC, kind="sync")
    with closing(Journal.create("one", spec, arguments={"plan": "p"}, directory=folder)) as journal:
        journal.connection.execute("pragma user_version = 1")
    done = run("--forget", "one")
    assert (done.exit_code, "its journal has format 1" in done.stderr) == (0, True)
    assert not list(folder.glob("*.sqlite"))
