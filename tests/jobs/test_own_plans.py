"""Plans that nobody asked for: whatever becomes of their commands, none is left for good."""

from pathlib import Path

import msgspec
import pytest

from hubassoc_async.jobs.journal import Journal
from hubassoc_async.jobs.own_plans import own_plan, sweep_plans
from tests.jobs.test_journal import SPEC


def leave(folder: Path, name: str = "sync-0123abcd.plan") -> Path:
    """What a command leaves that was killed with a plan, and one that was killed making it."""
    for one in (name, f"{name}.lock", f".{name}.12345678.part", f".{name}.12345678.part-journal"):
        (folder / one).touch()
    return folder / name


def test_what_is_left_of_one_is_swept(tmp_path: Path) -> None:
    """By the next command that makes one, and by a look at the jobs; the user's own are not."""
    for mine in ("sync.plan", "monday.plan", "sync-0123abcd.plans"):
        (tmp_path / mine).touch()
    before = set(tmp_path.iterdir())
    leave(tmp_path)
    sweep_plans(tmp_path)
    assert set(tmp_path.iterdir()) == before
    leave(tmp_path)
    with own_plan(tmp_path) as path:
        left = {one for one in tmp_path.iterdir() if not one.name.startswith(path.name)}
        assert left == before
        path.touch()
        sweep_plans(tmp_path)
        assert path.exists(), "a process has it"
    assert set(tmp_path.iterdir()) == before


@pytest.mark.parametrize("readable", [True, False])
def test_one_that_a_job_has_stays(readable: bool, tmp_path: Path) -> None:
    """Also one of another version, which goes on with it, and however the folder is called."""
    (tmp_path / "to").symlink_to(tmp_path)
    (tmp_path / "unborn.sqlite").touch()
    with own_plan(tmp_path / "to") as path:
        leave(tmp_path, path.name)
        told = {"plan": str(path)}
        spec = msgspec.structs.replace(SPEC, kind="sync")
        journal = Journal.create("one", spec, arguments=told, directory=tmp_path)
        if not readable:
            journal.connection.execute("pragma user_version = 1")
        journal.close()
    gone = leave(tmp_path)
    sweep_plans(tmp_path / "to")
    assert path.exists()
    assert not gone.exists()


def test_nothing_is_swept_where_a_journal_cannot_be_read(tmp_path: Path) -> None:
    """Its job may have any of them."""
    (tmp_path / "one.sqlite").write_text("no database, though it may look like one" * 99)
    path = leave(tmp_path)
    sweep_plans(tmp_path)
    assert path.exists()
