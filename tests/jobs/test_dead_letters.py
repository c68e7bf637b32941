"""Dead letters: one self-contained line a failure, that says whether trying again is worth it."""

from pathlib import Path

import msgspec
import pytest

from hubassoc_async import RetryPolicy
from hubassoc_async.emulator import Portal
from hubassoc_async.jobs.dead_letters import DeadLetter, DeadLetters, Origin, file_now
from hubassoc_async.jobs.journal import JournalError
from hubassoc_async.jobs.pairs import open_pairs
from hubassoc_async.jobs.sources import IdFile
from hubassoc_async.model import AssociationType, Failure, Link
from tests.client.portals import client_of, portal_of
from tests.virtual_time import on_virtual_time

READ = Origin(
    operation="read", from_object_type="contacts", to_object_type="companies", api_version="v4"
)
CREATE = msgspec.structs.replace(READ, operation="create", labels="append")
DECODE = msgspec.json.Decoder(DeadLetter).decode_lines


def failure(number: int) -> Failure:
    return Failure(str(number), "INTERNAL_ERROR", "no", None, f"c-{number}", attempts=3)


def test_a_line_says_all_that_it_takes_to_try_again(tmp_path: Path) -> None:
    """Operation, types, version and input are on each line, beside reason and correlation id."""
    letters = DeadLetters(tmp_path / "x.ndjson", READ.letter, job="job")
    letters.write([failure(1001)])
    letters.finish()
    line = msgspec.json.decode(letters.path.read_bytes(), type=dict[str, object])
    assert line.pop("at")
    assert line == {
        "operation": "read",
        "from_object_type": "contacts",
        "to_object_type": "companies",
        "api_version": "v4",
        "from_object_id": "1001",
        "category": "INTERNAL_ERROR",
        "sub_category": None,
        "message": "no",
        "correlation_id": "c-1001",
        "attempts": 3,
        "transient": False,
    }
    (back,) = DECODE(letters.path.read_bytes())
    assert back.origin == READ


def test_lines_are_ids_and_links(tmp_path: Path) -> None:
    """The file is a list of ids, and of links where it is of a write."""
    kinds = (AssociationType("HUBSPOT_DEFINED", 1, "Primary"),)
    one = Failure("1", "X", "no", to_object_id="2", association_types=kinds)
    (tmp_path / "f").write_bytes(msgspec.json.Encoder().encode_lines([CREATE.letter(one)]))
    assert list(IdFile(tmp_path / "f")) == ["1"]
    (link,) = open_pairs(tmp_path / "f", typed=True)
    assert link == Link("1", "2", kinds, 1)
    (back,) = DECODE((tmp_path / "f").read_bytes())
    assert back.origin == CREATE


def test_the_file_goes_back_to_a_position(tmp_path: Path) -> None:
    """What was appended after a position is gone; before anything failed there is no file."""
    letters = DeadLetters(tmp_path / "x.ndjson", READ.letter, job="job")
    letters.resume(0)
    assert letters.write([]) == 0
    assert not list(tmp_path.iterdir())
    first = letters.write([failure(1), failure(2)])
    letters.write([failure(3)])
    letters.close()
    again = DeadLetters(letters.path, READ.letter, job="job")
    again.resume(first)
    assert again.write([]) == first
    again.write([failure(4)])
    again.finish()
    assert [one.from_object_id for one in DECODE(letters.path.read_bytes())] == ["1", "2", "4"]
    earlier = file_now(letters.path)
    later = DeadLetters(letters.path, READ.letter, job="later", earlier=earlier)
    later.resume(0)
    later.finish()
    assert not list(tmp_path.iterdir()), "nothing failed in the end"


def test_the_file_has_its_name_when_it_is_finished(tmp_path: Path) -> None:
    """Till then that of another job is there; one that died as it finished goes on."""
    path = tmp_path / "x.ndjson"
    path.write_text("of a job before")
    earlier = file_now(path)
    letters = DeadLetters(path, READ.letter, job="job", earlier=earlier)
    letters.resume(0)
    place = letters.write([failure(1)])
    assert path.read_text() == "of a job before"
    letters.finish()
    assert [one.from_object_id for one in DECODE(path.read_bytes())] == ["1"]
    letters = DeadLetters(path, READ.letter, job="job", earlier=earlier)
    letters.resume(place)
    assert not path.exists()
    letters.write([failure(2)])
    letters.finish()
    assert [one.from_object_id for one in DECODE(path.read_bytes())] == ["1", "2"]
    assert [one.name for one in tmp_path.iterdir()] == ["x.ndjson"]


@pytest.mark.parametrize("there", ["nothing", "an earlier run"])
def test_what_came_meanwhile_is_kept(there: str, tmp_path: Path) -> None:
    """Two jobs of one file: neither removes nor replaces what the other put there."""
    path = tmp_path / "x.ndjson"
    if there != "nothing":
        path.write_text("of a job before")
    earlier = file_now(path)
    jobs = [DeadLetters(path, READ.letter, job=f"job-{n}", earlier=earlier) for n in range(1, 4)]
    for letters in jobs:
        letters.resume(0)
    for number, letters in enumerate(jobs[:2], 1):
        place = letters.write([failure(number)])
        letters.finish()
    jobs[2].finish()
    last = DeadLetters(path, READ.letter, job="job-2", earlier=earlier)
    last.resume(place)  # it died just before it could say that it was complete
    last.write([failure(3)])
    last.finish()
    found = {
        one.name: [line.from_object_id for line in DECODE(one.read_bytes())]
        for one in tmp_path.iterdir()
    }
    assert found == {"x.ndjson": ["1"], "x.job-2.ndjson": ["2", "3"]}


@pytest.mark.parametrize("how", ["short", "other", "gone"])
def test_a_file_of_another_job_is_not_gone_on_with(how: str, tmp_path: Path) -> None:
    """The failures of the one would be missing, and those of the other cut off."""
    letters = DeadLetters(tmp_path / "x.ndjson", READ.letter, job="job")
    letters.resume(0)
    place = letters.write([failure(1), failure(2)])
    letters.close()
    (file,) = tmp_path.iterdir()
    content = file.read_bytes()
    file.unlink()
    if how != "gone":
        other = content[:-1] if how == "short" else content.replace(b'"1"', b'"9"') + content
        file.write_bytes(other)
    said = "x.ndjson is gone" if how == "gone" else "not what the job had written"
    with pytest.raises(JournalError, match=said):
        letters.resume(place)
    assert how == "gone" or file.read_bytes() == other
    file.write_bytes(content)
    letters.resume(place)
    letters.close()


async def read(portal: Portal, *ids: object) -> dict[str, Failure]:
    policy = RetryPolicy(attempts=4, halve_after=2, base=0.01, total=1e9)
    async with client_of(portal, retry=policy) as client:
        return (await client.read("contacts", "companies", ids)).failures  # type: ignore[arg-type]


@on_virtual_time
async def test_what_may_pass_is_transient() -> None:
    """A server error that stays with one id is transient and counts its sendings; 400s are not."""
    portal = portal_of(20)
    portal.fail("server_error", when=lambda asked: "7" in asked.ids)
    portal.fail("bad_request", when=lambda asked: "8" in asked.ids)
    failures = await read(portal, *range(1, 21), "no id")
    assert {key: (one.attempts, one.transient) for key, one in failures.items()} == {
        "7": (4, True),
        "8": (1, False),
        "no id": (0, False),
    }


@on_virtual_time
async def test_a_write_says_the_same() -> None:
    """A link whose requests fail is transient; one that is not valid was never sent."""
    portal = portal_of(5)
    portal.fail(
        "server_error", operation="create", when=lambda asked: b'"3"' in (asked.body or b"")
    )
    links = [(str(one), "9000000001", "primary") for one in range(1, 6)]
    policy = RetryPolicy(attempts=4, halve_after=2, base=0.01, total=1e9)
    async with client_of(portal, retry=policy) as client:
        result = await client.create("contacts", "companies", [*links, ("x", "1", "primary")])
    found = {one.from_object_id: (one.attempts, one.transient) for one in result.failures}
    assert found == {"3": (4, True), "x": (0, False)}
