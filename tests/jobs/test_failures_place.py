"""Where the failures of a job go: nothing else is there, and it can be written."""

import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from click.testing import CliRunner

from hubassoc_async.cli.commands import hubassoc
from hubassoc_async.client import AssociationsClient
from hubassoc_async.emulator import MemoryTransport, build_portal
from hubassoc_async.errors import UsageError
from hubassoc_async.jobs import Job, Mark, forget, open_job_sink
from hubassoc_async.jobs.dead_letters import DeadLetters, failures_now
from hubassoc_async.jobs.job_spec import JobSpec
from hubassoc_async.jobs.journal import Journal, has_job
from hubassoc_async.jobs.lines_file import LinesFile
from hubassoc_async.jobs.sources import IdFile
from hubassoc_async.jobs.task import begin_journal
from hubassoc_async.model import Failure
from tests.jobs.test_dead_letters import READ

Begin = Callable[..., Job[Any]]


@pytest.fixture(autouse=True)
def jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Journals of the test's own, and files to read and to write over."""
    monkeypatch.setenv("HUBASSOC_JOBS", str(tmp_path / "jobs"))
    monkeypatch.chdir(tmp_path)
    Path("ids.txt").write_text("1001\nno id\n")
    Path("links.csv").write_text("from_object_id,to_object_id\n1001,2001\n")
    Path("folder").mkdir()
    return tmp_path / "jobs"


def begin(kind: str, **given: Any) -> Job[Any]:
    """Begin a job, without running it."""
    client = AssociationsClient(transport=MemoryTransport(build_portal(contacts=9)), quota=None)
    ends = "contacts", "companies"
    if kind == "import":
        return Job.import_links(client, *ends, operation="create_default", **given)
    return Job.export(client, *ends, **given)


@pytest.mark.parametrize(
    ("kind", "given", "failures"),
    [
        ("export", {"ids": "ids.txt", "to": "z.ndjson"}, "folder/../z.ndjson"),
        ("export", {"ids": ["1001"], "to": "sqlite:///z.db"}, "z.db"),
        ("export", {"ids": ["1001"], "to": "folder/"}, "folder/failures"),
        ("export", {"ids": "ids.txt", "to": "z.ndjson"}, "ids.txt"),
        ("export", {"ids": "ids.txt", "to": "z.ndjson"}, "link"),
        ("import", {"links": "links.csv"}, "links.csv"),
    ],
)
def test_failures_are_apart_from_what_is_read_and_written(
    kind: str, given: dict[str, Any], failures: str, tmp_path: Path, jobs: Path
) -> None:
    """One would take the other's place, or with none failing remove it: nothing is begun."""
    Path("link").symlink_to(tmp_path / "ids.txt")
    before = {one: one.read_bytes() for one in tmp_path.iterdir() if one.is_file()}
    with pytest.raises(UsageError, match="name another file for its failures"):
        begin(kind, **given, failures=failures)
    assert {one: one.read_bytes() for one in tmp_path.iterdir() if one.is_file()} == before
    assert not list(jobs.iterdir())


def test_a_source_that_is_a_file_is_not_written_over() -> None:
    """A program may have opened it itself."""
    with pytest.raises(UsageError, match="name another file"):
        begin("export", ids=IdFile(Path("ids.txt")), to="z.ndjson", failures="ids.txt")


@pytest.mark.parametrize(
    ("failures", "said"),
    [
        ("folder", "is no regular file"),
        ("pipe", "is no regular file"),
        ("/dev/null", "is no regular file"),
        ("nowhere/f", "there is no directory"),
    ],
)
def test_failures_that_could_not_be_written_are_refused(
    failures: str, said: str, jobs: Path
) -> None:
    """At once, not when all else is done; what stands there is left as it is."""
    os.mkfifo("pipe")
    with pytest.raises(UsageError, match=said):
        begin("export", ids="ids.txt", to="z.ndjson", failures=failures)
    assert failures == "nowhere/f" or Path(failures).exists()
    assert not list(jobs.iterdir())


def test_links_that_one_may_only_read_have_their_failures_elsewhere(
    monkeypatch: pytest.MonkeyPatch, jobs: Path
) -> None:
    """Beside them nothing can be written, and it is said what to do."""
    real = os.access
    monkeypatch.setattr(
        os, "access", lambda path, mode: Path(path) != jobs.parent and real(path, mode)
    )
    with pytest.raises(UsageError, match="not yours to write to: name another file for the job's"):
        begin("import", links="links.csv")
    begin("import", links="links.csv", failures="folder/f").close()


def test_what_comes_by_a_pipe_has_its_failures_beside_the_journal(jobs: Path) -> None:
    """As in ``import --from <(…)``: beside a pipe of the process there is no place for a file."""
    out, into = os.pipe()
    os.write(into, Path("links.csv").read_bytes())
    os.close(into)
    with begin("import", links=f"/dev/fd/{out}") as job:
        assert job.failures.parent == jobs
    os.close(out)


def test_failures_of_a_sync_are_apart_from_its_own_files(jobs: Path) -> None:
    """Its undo file and its list of what was stale are called after the job."""
    spec = JobSpec(
        kind="sync",
        from_object_type="contacts",
        to_object_type="companies",
        api_version="v4",
        base_url="http://localhost",
        source="sync plan in memory",
        fingerprint="",
        target="HubSpot",
    )
    for ending in (".undo", ".stale.ndjson"):
        told = {"folder": str(jobs.parent), "failures": str(jobs.parent / f"one{ending}")}
        with pytest.raises(UsageError, match="name another file for its failures"):
            begin_journal("one", spec, told, None)
    assert not list(jobs.iterdir())


def test_no_device_is_removed() -> None:
    """A job without failures removes those of a job before, and nothing else."""
    os.mkfifo("pipe")
    letters = DeadLetters(Path("pipe"), READ.letter, job="job")
    letters.resume(0)
    letters.finish()
    assert Path("pipe").is_fifo()


@pytest.mark.parametrize("content", [b"1001\n", b'{"from_object_id":"1001"}\n', b"\xff\n"])
def test_what_is_no_failures_stays(content: bytes, jobs: Path) -> None:
    """A name that was mistaken does not cost a file: nothing is begun."""
    Path("mine").write_bytes(content)
    with pytest.raises(UsageError, match="is there and is no file of failures: name another"):
        begin("export", ids="ids.txt", to="z.ndjson", failures="mine")
    assert Path("mine").read_bytes() == content
    assert not list(jobs.iterdir())


async def test_jobs_that_end_with_one_file_of_failures() -> None:
    """Whoever ends last keeps what the other put there, and says where its own are."""
    with (
        begin("export", ids="ids.txt", to="y.ndjson", failures="f", name="one") as one,
        begin("export", ids="ids.txt", to="z.ndjson", failures="f", name="two") as two,
        begin("export", ids=["1001"], to="x.ndjson", failures="f", name="three") as three,
    ):
        assert one.failures == two.failures == Path("f").resolve()
        for job in one, two, three:
            await job.run()
        assert one.failures.name == "f"
        for job in one, two:
            (letter,) = job.failures.read_text().splitlines()
            assert '"from_object_id":"no id"' in letter
        assert two.failures == failures_now(two.info) == Path(f"f.{two.info.key}").resolve()
        assert failures_now(one.info) == one.failures
        assert failures_now(three.info) is None


@pytest.mark.parametrize("died", ["halfway", "right at its end"])
async def test_a_job_that_died_is_in_nobodys_way(died: str, tmp_path: Path) -> None:
    """The same command goes through in the next night, and of neither any failure is lost."""
    given: dict[str, Any] = {"ids": "ids.txt", "to": "z.ndjson", "failures": "f"}
    with begin("export", **given, name="one") as one:
        if died == "halfway":
            with (
                patch.object(LinesFile, "finish", side_effect=OSError(5, "died")),
                pytest.raises(OSError, match="died"),
            ):
                await one.run()
        else:
            await one.run()
    with closing(Journal.open("one")) as journal:
        journal.set_state("running")  # and nobody holds it
    if died == "right at its end":
        given["to"] = "y.ndjson"  # else the output of the first is replaced
    with begin("export", **given, name="two") as two:
        await two.run()
        assert failures_now(two.info) == two.failures
    assert (two.failures == tmp_path / "f") is (died == "halfway")
    with one_again() as one:
        await one.run()
    for file in one.failures, two.failures:
        (letter,) = file.read_text().splitlines()
        assert '"from_object_id":"no id"' in letter
    assert one.failures != two.failures


def one_again() -> Job[Any]:
    """Take the first job up again."""
    client = AssociationsClient(transport=MemoryTransport(build_portal(contacts=9)), quota=None)
    return Job.resume(client, "one")


DYING = """\
import os
from hubassoc_async.jobs import task
from tests.jobs.test_failures_place import begin

task.note_earlier = lambda *_: os._exit(9)
begin("export", ids="ids.txt", to="z.ndjson", name="one")
"""


def test_a_job_that_died_as_it_began_was_never_begun() -> None:
    """Begun again, it is checked and knows which failures are of an earlier run."""
    command = [sys.executable, "-c", DYING]
    paths = os.pathsep.join(sys.path)
    assert subprocess.run(command, env=os.environ | {"PYTHONPATH": paths}).returncode == 9
    assert not has_job("one")
    begin("export", ids="ids.txt", to="z.ndjson", name="one").close()


def test_a_job_goes_on_with_the_place_that_it_has() -> None:
    """Another is refused, rather than passed over; the same may be said again, or none."""
    given: dict[str, Any] = {"ids": "ids.txt", "to": "z.ndjson", "name": "one"}
    begin("export", **given, failures="f").close()
    begin("export", **given, failures="f").close()
    begin("export", **given).close()
    with pytest.raises(UsageError, match=r"'one' has its failures in .*/f, not in .*/other"):
        begin("export", **given, failures="other")
    begin("export", **given | {"to": "y.ndjson", "name": "two"}).close()
    with pytest.raises(UsageError, match=r"'two' has its failures in .*/y.ndjson.failures.ndjson"):
        begin("export", **given | {"to": "y.ndjson", "name": "two"}, failures="other")


async def test_a_complete_job_says_where_its_failures_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also to who would go on with it, with the exit status that it ended with."""
    monkeypatch.setenv("HUBSPOT_ACCESS_TOKEN", "t")
    with begin("export", ids="ids.txt", to="z.ndjson", name="one") as job:
        await job.run()
    done = CliRunner().invoke(hubassoc, ["resume", "one", "--base-url", "http://127.0.0.1:9"])
    assert done.exit_code == 3
    assert done.stderr == f"job 'one' is complete\n  failures: {job.failures}\n"


@pytest.mark.parametrize("then", ["forgotten", "known"])
@pytest.mark.parametrize("to", ["y.ndjson", "z.ndjson"])
async def test_failures_of_an_earlier_run(to: str, then: str) -> None:
    """A run that writes the same anew takes their place; one that is known to do other work not."""
    with begin("export", ids="ids.txt", to="y.ndjson", failures="f", name="one") as job:
        await job.run()
    if then == "forgotten":
        forget("one")
    with begin("export", ids=["1002"], to=to, failures="f", name="two") as job:
        await job.run()
    assert Path("f").exists() is (to == "z.ndjson" and then == "known")


def test_output_and_failures_are_hidden_apart(tmp_path: Path) -> None:
    """Even if they were called the same."""
    place = tmp_path / "folder" / "z.ndjson"
    sink = open_job_sink(str(place), "contacts", "companies", job="job")
    sink.resume(Mark())
    letters = DeadLetters(place, READ.letter, job="job")
    letters.resume(0)
    letters.write([Failure("1", "X", "no")])
    sink.abandon()
    letters.close()
    assert len(list(place.parent.iterdir())) == 2
