"""Jobs that cannot go better: they are said to be so, and those that did nothing are forgotten."""

from pathlib import Path
from typing import Any

import pytest

from hubassoc_async.client import AssociationsClient
from hubassoc_async.emulator import MemoryTransport, Portal, build_portal
from hubassoc_async.errors import ApiError, AuthError
from hubassoc_async.jobs import Job, JournalError, SourceError, find_job
from hubassoc_async.jobs import jobs as all_jobs
from hubassoc_async.protocol.message import Response

ENDS = ("contacts", "companies")


@pytest.fixture
def portal() -> Portal:
    return build_portal(contacts=600, companies=20)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Journals of the test's own, and files to read."""
    monkeypatch.setenv("HUBASSOC_JOBS", str(tmp_path / "jobs"))
    monkeypatch.chdir(tmp_path)
    Path("ids").write_text("1001\n")
    Path("links").write_text("from_object_id,to_object_id\n1001,2001\n")
    return tmp_path


def client_of(portal: Portal) -> AssociationsClient:
    return AssociationsClient(transport=MemoryTransport(portal), quota=None, concurrency=1)


def begin(client: AssociationsClient, kind: str, *ends: str, **more: Any) -> Job[Any]:
    if kind == "import":
        given = {"links": "links", "operation": "create_default"} | more
        return Job.import_links(client, *ends, name="one", **given)
    return Job.export(client, *ends, name="one", to=f"{kind}", **({"ids": "ids"} | more))


@pytest.mark.parametrize("kind", ["x.ndjson", "sqlite:///x.db", "import"])
@pytest.mark.parametrize("ends", [("widgetz", "companies"), ("contacts", "2-999")])
async def test_what_hubspot_does_not_know(
    kind: str, ends: tuple[str, str], portal: Portal, here: Path
) -> None:
    """To go on would fail as it did: the job goes with all that it has, and its name is free."""
    async with client_of(portal) as client:
        with begin(client, kind, *ends) as job:
            with pytest.raises(JournalError, match="refuses the job as it is"):
                await job.run()
            assert job.info.state == "stopped"
        assert all_jobs() == []
        assert {one.name for one in here.iterdir()} <= {"ids", "links", "jobs", "x.db"}
        with begin(client, kind, *ENDS) as job:
            assert (await job.run()).done == 1


async def test_what_another_token_mends(portal: Portal) -> None:
    """A job without the right to what it reads goes on once it has it."""
    portal.fail("forbidden")
    async with client_of(portal) as client:
        with begin(client, "x.csv", *ENDS) as job:
            with pytest.raises(AuthError):
                await job.run()
        portal.heal()
        with Job.resume(client, "one") as job:
            assert (await job.run()).done == 1


async def test_a_refusal_after_something_was_done(portal: Portal) -> None:
    """What was read is kept, whatever HubSpot says then."""
    answer = Response(404, {}, b"{}")
    ids = [*range(1001, 1601), *range(5_000, 6_000)]
    portal.fail(answer, when=lambda asked: "5500" in asked.ids)
    async with client_of(portal) as client:
        with begin(client, "x.csv", *ENDS, ids=ids) as job:
            with pytest.raises(ApiError, match="HTTP 404") as refused:
                await job.run()
            done = job.progress().done
        assert done > 0
        assert not isinstance(refused.value, JournalError)
        assert find_job("one").mark.items == done


@pytest.mark.parametrize("kind", ["x.csv", "import"])
async def test_a_broken_file(kind: str, portal: Portal, here: Path) -> None:
    """A job is for the very file that it was begun with: mended, it is another one."""
    Path("ids").write_text('{"id":"1001"}\n{"id":')
    Path("links").write_text('{"from_object_id":"1001","to_object_id":"2001"}\n{"from')
    async with client_of(portal) as client:
        with begin(client, kind, *ENDS) as job:
            with pytest.raises(SourceError, match="line 2"):
                await job.run()
            kept = job.progress().done > 0
        assert [one.name for one in all_jobs()] == ["one"] * kept
        assert kept is (kind == "x.csv"), "an import writes nothing before it has all"
