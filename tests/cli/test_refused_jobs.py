"""Jobs that would harm what they read, or cannot be run: refused before anything is begun."""

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from unittest.mock import patch

import pytest
from click.testing import CliRunner

from hubassoc_async.cli import jobs
from hubassoc_async.cli.commands import hubassoc
from hubassoc_async.jobs.journal import JobSpec, Journal, has_job
from tests.cli.command import TOKEN

ENDS = ("contacts", "companies")
LINKS = "from_object_id,to_object_id\n1001,2001\n"
SPEC = JobSpec(
    kind="export",
    from_object_type="contacts",
    to_object_type="companies",
    api_version="v4",
    base_url="http://127.0.0.1:9",
    source="",
    fingerprint="",
    target="",
)
LETTER = (
    '{"operation":"archive","from_object_type":"contacts","to_object_type":"companies",'
    '"api_version":"v4","from_object_id":"1","to_object_id":"2","category":"X","message":"",'
    '"transient":true}\n'
)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Inputs, and no journals."""
    (tmp_path / "ids").write_text("1001\n")
    (tmp_path / "x.csv.failures.ndjson").write_text(LETTER)
    (tmp_path / "links").write_text(LINKS)
    (tmp_path / "letters").write_text(LETTER)
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "part-000000.parquet").write_text("1001\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HUBSPOT_ACCESS_TOKEN", TOKEN)
    monkeypatch.setenv("HUBASSOC_JOBS", str(tmp_path / "jobs"))
    return tmp_path


def refused(here: Path, *arguments: str) -> str:
    """What is said; no file is there that was not, and each is as it was."""
    before = _contents(here)
    command = [*arguments, "--base-url", "http://127.0.0.1:9"]
    done = CliRunner().invoke(hubassoc, command, catch_exceptions=False)
    assert done.exit_code == 2, done.stderr
    assert _contents(here) == before
    return " ".join(done.stderr.split())


def _contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    "arguments",
    [
        ("export", *ENDS, "--ids", "ids", "--to", "x.csv", "--failures", "ids"),
        ("export", *ENDS, "--ids", "x.csv.failures.ndjson", "--to", "x.csv"),
        ("export", *ENDS, "--ids", "ids", "--to", "duckdb:///ids?table=links"),
        ("export", *ENDS, "--ids", "ids", "--to", "x.csv", "--failures", "./x.csv"),
        ("export", *ENDS, "--ids", "ids", "--to", "x.csv", "--report", "ids"),
        ("export", *ENDS, "--ids", "parts/part-000000.parquet", "--to", "parts/"),
        ("import", *ENDS, "--from", "links", "--operation", "archive", "--failures", "links"),
        ("import", *ENDS, "--from", "links", "--operation", "archive", "--summary", "links"),
        ("replay", "letters", "--failures", "letters"),
        ("sync", *ENDS, "--desired", "links", "--plan", "links"),
        ("sync", *ENDS, "--desired", "links", "--apply", "--undo", "x", "--failures", "./x"),
        ("sync", *ENDS, "--plan", "x.plan", "--apply", "--undo", "x.plan"),
    ],
)
def test_one_place_for_two_things(here: Path, arguments: tuple[str, ...]) -> None:
    """Neither an input nor another output is overwritten, however a name is spelt."""
    assert "are the same file" in refused(here, *arguments)


def test_an_export_into_its_own_ids(here: Path) -> None:
    """The ids are needed until the last of them is read."""
    (here / "ids.csv").write_text("id\n1001\n")
    said = refused(here, "export", *ENDS, "--ids", "ids.csv", "--to", "ids.csv")
    assert "--ids and --to are the same file" in said


@pytest.mark.parametrize("ends", [("con tacts", "companies"), ("contacts", "../x")])
def test_no_object_type(here: Path, ends: tuple[str, str]) -> None:
    """It is said at once, though a job would be called after it."""
    assert "is not an object type" in refused(here, "export", *ends, "--all", "--to", "x.csv")


def test_an_address_with_a_password(here: Path) -> None:
    """It is kept in no journal."""
    address = ("--base-url", "https://me:hunter2@api.hubapi.com")
    command = ["export", *ENDS, "--all", "--to", "x.csv", *address]
    done = CliRunner().invoke(hubassoc, command, catch_exceptions=False)
    assert (done.exit_code, "hunter2" in done.stderr) == (2, False)
    assert not (here / "jobs").exists()


def test_journals_have_no_place(here: Path) -> None:
    """It is said what cannot be written."""
    (here / "jobs").write_text("")
    assert "cannot be begun" in refused(here, "export", *ENDS, "--all", "--to", "x.csv")


def test_failures_of_a_job_that_is_running(here: Path) -> None:
    """Another that puts its own in their place is most likely the same command once more."""
    with closing(Journal.create("first", SPEC, arguments={"to": str(here / "x.csv")})) as journal:
        journal.set_state("running")
        command = ["export", *ENDS, "--all", "--to", "x.csv", "--job", "second"]
        done = CliRunner().invoke(hubassoc, command, catch_exceptions=False)
    assert done.exit_code == 2
    assert "job 'first' is running and will have its failures in" in " ".join(done.stderr.split())
    assert not has_job("second")


@pytest.mark.parametrize("failures", ["-", "/dev/stderr", "/dev/fd/2"])
def test_failures_of_a_job_need_a_file(here: Path, failures: str) -> None:
    """A job goes back in its failures; and what stderr is sent to must not be removed."""
    command = ("export", *ENDS, "--ids", "ids", "--to", "x.csv", "--failures", failures)
    assert f"--failures: {failures} is no file" in refused(here, *command)


@pytest.mark.parametrize("place", [".", "./"])
def test_this_very_folder_is_no_target(here: Path, place: str) -> None:
    """It is said, and not by a traceback."""
    assert refused(here, "export", *ENDS, "--ids", "ids", "--to", place)


def test_a_url_for_failures_to_replay(here: Path) -> None:
    """They are a file; and no password is said."""
    said = refused(here, "replay", "postgresql://bob:s3cr@h/db")
    assert "is no file" in said
    assert "s3cr" not in said
    assert "cannot read FAILURES no.ndjson: No such file" in refused(here, "replay", "no.ndjson")


@pytest.mark.parametrize(
    ("option", "arguments"),
    [
        ("--failures", ("import", *ENDS, "--from", "ro/links", "--operation", "archive")),
        ("--failures", ("archive", *ENDS, "--pairs", "ro/links")),
        ("--unwritten", ("archive", *ENDS, "--pairs", "ro/links", "--failures", "f")),
        ("--summary", ("export", *ENDS, "--ids", "ids", "--to", "x.csv", "--summary", "ro/x")),
        ("--report", ("export", *ENDS, "--ids", "ids", "--to", "x.csv", "--report", "ro/x")),
        ("--output", ("read", *ENDS, "--ids", "ids", "--output", "ro/x.csv")),
        ("--failures", ("replay", "ro/letters")),
        ("--plan", ("sync", *ENDS, "--desired", "links", "--plan", "ro/plan")),
        ("--undo", ("sync", *ENDS, "--plan", "ro/plan", "--apply")),
        ("--failures", ("sync", *ENDS, "--plan", "ro/plan", "--apply", "--undo", "undo")),
    ],
)
def test_a_folder_that_one_may_only_read(
    option: str, arguments: tuple[str, ...], here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is said at once, not when there is something to write, and by which option to mend it."""
    (here / "ro").mkdir()
    for name in ("links", "letters"):
        shutil.copy(name, "ro")
    real = os.access
    monkeypatch.setattr(
        os, "access", lambda path, mode: Path(path).name != "ro" and real(path, mode)
    )
    said = refused(here, *arguments)
    assert f"{option}: no files can be made in {here}/ro" in said.replace("\n", "")
    assert f"give {option} a file elsewhere" in said


@pytest.mark.parametrize(
    "arguments",
    [
        ("read", *ENDS, "--ids", "ids", "--output", "x.ndjson"),
        ("archive", *ENDS, "--pairs", "links"),
        ("replay", "letters"),
        ("sync", *ENDS, "--desired", "links"),
        ("export", *ENDS, "--ids", "ids", "--to", "y.csv"),
    ],
)
def test_a_file_that_is_none_of_failures(arguments: tuple[str, ...], here: Path) -> None:
    """A name that was mistaken costs nobody a file: without failures, it was removed."""
    (here / "mine").write_text("of great worth\n")
    said = refused(here, *arguments, "--failures", "mine")
    assert "--failures: mine is there and is no file of failures" in said


@pytest.mark.parametrize(
    ("option", "arguments", "things"),
    [
        ("--unread", ("read", *ENDS, "--ids", "ids", "--output", "x.ndjson"), "ids"),
        ("--unwritten", ("archive", *ENDS, "--pairs", "links"), "links"),
    ],
)
@pytest.mark.parametrize("content", [b"of great worth\n", b"id,name\n1001,x\n", b"\xff\0", b"\n"])
def test_a_file_that_is_no_list_of_what_remains(
    content: bytes, option: str, arguments: tuple[str, ...], things: str, here: Path
) -> None:
    """A complete command removed it, and one that was stopped put its own there."""
    (here / "mine").write_bytes(content)
    said = refused(here, *arguments, option, "mine")
    assert f"{option}: mine is there and is no list of {things} that remain" in said
    (here / "letters.unwritten.ndjson").write_bytes(content)
    assert "letters.unwritten.ndjson is there and is no" in refused(here, "replay", "letters")


@pytest.mark.parametrize(
    ("option", "said"),
    [
        (
            ("--job", "one"),
            "there is a job 'one' already, and it is for the plan that it was",
        ),
        (("--job", "two"), "two.undo is there already: give the undo file another name"),
        (("--undo", "mine"), "mine is there already: give the undo file another name"),
        (("--max-deletes", "many"), "'many' is neither a number of associations nor a percentage"),
        (("--job", "a b"), "'a b' cannot be the name of a job"),
    ],
)
def test_a_plan_that_could_not_be_applied_is_not_made(
    option: tuple[str, str], said: str, here: Path
) -> None:
    """That takes hours, and takes the place of the plan that an unfinished job needs."""
    Journal.create("one", SPEC).close()
    for name in ("mine", "two.undo"):
        (here / name).write_text("of great worth\n")
    places = ("--desired", "links", "--plan", "x.plan")
    assert said in refused(here, "sync", *ENDS, *places, "--apply", *option)


def test_a_file_called_as_failures_of_a_plan_are(here: Path) -> None:
    """They have a place of their own where the job that applies it has one, too."""
    (here / "sync.failures.ndjson").write_text("of great worth\n")
    said = refused(here, "sync", *ENDS, "--desired", "links", "--apply")
    assert "sync.failures.ndjson is there and is no file of failures" in said


def test_a_table_of_links_is_no_place_for_failures(here: Path) -> None:
    """A write of them has its failures on stderr, and none takes the place of the database."""
    with closing(sqlite3.connect("x.db")) as database:
        database.execute("CREATE TABLE links (from_object_id, to_object_id)")
    command = ("archive", *ENDS, "--pairs", "sqlite:///x.db?table=links")
    assert "are the same file" in refused(here, *command, "--failures", "x.db")
    for to in ("x.db.csv", "sqlite:///y.db", "sqlite:///x.db?table=made"):
        export = ("export", *ENDS, "--ids", "sqlite:///x.db?table=links", "--to", to)
        assert "--failures" in refused(here, *export, "--failures", "x.db")
    done = CliRunner().invoke(hubassoc, [*command, "--dry-run"], catch_exceptions=False)
    assert (done.exit_code, "0 links given" in done.stderr) == (0, True), done.stderr


@pytest.mark.parametrize("place", ["x.csv", "./ids", "f"])
def test_what_is_said_of_a_job_is_apart_from_it(place: str, here: Path) -> None:
    """It is no more to take the place of the output than when the job was begun."""
    told = {"to": str(here / "x.csv"), "ids": str(here / "ids"), "failures": str(here / "f")}
    Journal.create("one", SPEC, arguments=told).close()
    before = {one: one.read_bytes() for one in here.iterdir() if one.is_file()}
    for command in ("status", "--report"), ("resume", "--report"), ("resume", "--summary"):
        done = CliRunner().invoke(hubassoc, [command[0], "one", command[1], place])
        assert done.exit_code == 2
        said = " ".join(done.stderr.split())
        assert f"{command[1]}: {Path(place)} is what job 'one' reads or writes" in said
    assert {one: one.read_bytes() for one in here.iterdir() if one.is_file()} == before


def test_a_page_about_a_job_that_is_complete(here: Path) -> None:
    """Whoever resumes it gets one, as of a job that is not."""
    with closing(Journal.create("one", SPEC)) as journal:
        journal.set_state("complete")
    done = CliRunner().invoke(hubassoc, ["resume", "one", "--report", "x.html"])
    assert (done.exit_code, (here / "x.html").exists()) == (0, True)


def test_what_is_said_of_a_job_cannot_be_written(here: Path) -> None:
    """It is an error, of which one is told; and no other file."""
    Journal.create("one", SPEC).close()
    with patch.object(jobs, "write_report", side_effect=OSError(28, "No space left on device")):
        done = CliRunner().invoke(hubassoc, ["status", "one", "--report", "x.html"])
    assert (done.exit_code, "cannot write x.html: No space left" in done.stderr) == (1, True)
    assert "no directory" in refused(here, "resume", "one", "--report", "nowhere/x.html")
