"""A journalled write: every pair once, however often it is stopped; labels united, order kept."""

import asyncio
import contextlib
import os
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hubassoc_async.emulator import Portal
from hubassoc_async.emulator.settings import Limits
from hubassoc_async.errors import DailyQuotaSpent
from hubassoc_async.jobs import importing
from hubassoc_async.jobs.dead_letters import DeadLetter, DeadLetters
from hubassoc_async.jobs.importing import ImportJob
from hubassoc_async.jobs.journal import JobSpec, Journal, JournalError, find_job
from hubassoc_async.jobs.pairs import open_pairs
from hubassoc_async.jobs.text_file import SourceError
from hubassoc_async.jobs.writing import WriteOrder
from hubassoc_async.model import Link
from tests.client.portals import client_of

ENDS: Any = {"from_object_type": "contacts", "to_object_type": "companies"}
SPEC = JobSpec(
    kind="import", **ENDS, api_version="v4", base_url="", source="", fingerprint="", target=""
)
CREATE = WriteOrder(operation="create", **ENDS)


def portal(**more: Any) -> Portal:
    made = Portal(**more)
    made.add_objects("contact", range(1, 201))
    made.add_objects("company", range(1001, 1201))
    return made


def state(made: Portal) -> dict[tuple[int, int], frozenset[int]]:
    """Pairs and the type ids between them."""
    relation = made.graph.relation("contact", "company")
    return {
        (one, to): frozenset(relation.kinds[kind])
        for one in range(1, 201)
        for to, kind in relation.pairs(one).items()
    }


class Files:
    """The files of one job."""

    def __init__(self, directory: Path, links: str, order: WriteOrder = CREATE) -> None:
        self.directory = directory
        self.order = order
        self.input = directory / "links.csv"
        self.input.write_text(links)
        self.failures = directory / "failures.ndjson"

    async def run(self, made: Portal, *, stop_after: int | None = None) -> Journal:
        """Run the job from wherever it is; ``stop_after``: tell it to stop at so many requests."""
        try:
            journal = Journal.create("job", SPEC, directory=self.directory)
        except JournalError:
            journal = Journal.open("job", directory=self.directory)
        with contextlib.closing(journal):
            typed = self.order.operation in ("create", "archive_labels")
            source = open_pairs(self.input, typed=typed)
            letters = DeadLetters(self.failures, self.order.origin("v4").letter, job="job")
            async with client_of(made, latency=0.001, quota=None) as client:
                job = ImportJob(client, journal, self.order, source, letters=letters)
                if stop_after is not None:
                    seen = len(made.requests)
                    made.fail(
                        "slow",
                        when=lambda _: len(made.requests) - seen >= stop_after and _stop(job),
                    )
                try:
                    await job.run()
                finally:
                    made.heal()
                    source.close()
                    self.progress = job.progress()
        return journal

    def letters(self) -> list[DeadLetter]:
        if not self.failures.exists():
            return []
        return msgspec.json.Decoder(DeadLetter).decode_lines(self.failures.read_bytes())


def _stop(job: ImportJob) -> bool:
    job.stop(grace=0.05)
    return False


def csv(*rows: tuple[object, ...]) -> str:
    return "from_object_id,to_object_id,label\n" + "".join(
        f"{','.join(map(str, row))}\n" for row in rows
    )


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "_CHUNK", dict.fromkeys(importing._CHUNK, 10))


MANY = csv(*((one, 1000 + to, "Golf partner") for one in range(200, 0, -1) for to in (1, 2, 3)))


async def test_each_pair_is_written_once(tmp_path: Path) -> None:
    """Labels of one pair are united; failures are counted, and in the file in the pairs' order."""
    made = portal()
    made.define_label("contact", "company", "Golf partner")
    links = csv(
        (5, 1001, "golf partner"), ("x", 1001, "golf partner"), (3, 1001, "golf partner"),
        (3, 1001, "primary"), (7, 9999, "golf partner"), (9, 1001, "Gold partner"),
        (4, 1001, "primary"), (4, 1002, "primary"),
    )  # fmt: skip
    files = Files(tmp_path, links)
    await files.run(made)
    assert files.progress.done == files.progress.total == 7
    assert (files.progress.written, files.progress.failed) == (2, 5), files.letters()
    assert state(made).keys() == {(3, 1001), (5, 1001)}
    assert 1 in state(made)[3, 1001]
    letters = files.letters()
    assert [(one.from_object_id, one.to_object_id) for one in letters] == [
        ("4", "1001"), ("4", "1002"), ("7", "9999"), ("9", "1001"), ("x", "1001"),
    ]  # fmt: skip
    assert not any("row" in one.message for one in letters)
    (unknown,) = letters[3].association_types or ()
    assert unknown.label == "Gold partner"


CALM: list[dict[tuple[int, int], frozenset[int]]] = []
"""What an undisturbed job leaves, once it has run."""


@settings(max_examples=8, deadline=None)
@given(stops=st.lists(st.integers(1, 12), max_size=6))
def test_a_job_that_is_stopped_goes_on_where_it_was(
    stops: list[int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """However often: the portal is as after an undisturbed run, each pair has been counted once."""
    directory = tmp_path_factory.mktemp("stops")
    made, undisturbed = portal(), portal()
    for one in (made, undisturbed):
        one.define_label("contact", "company", "Golf partner")
    links = MANY + "77,9999,Golf partner\n200,8888,Golf partner\n"

    async def main() -> None:
        files = Files(directory, links)
        for stop in stops:
            await files.run(made, stop_after=stop)
        await files.run(made)
        progress = files.progress
        assert (progress.done, progress.written, progress.failed) == (602, 600, 2)
        assert [one.from_object_id for one in files.letters()] == ["77", "200"]
        if not CALM:
            (directory / "other").mkdir()
            await Files(directory / "other", links).run(undisturbed)
            CALM.append(state(undisturbed))

    asyncio.run(main())
    assert state(made) == CALM[0]


@pytest.mark.parametrize("operation", ["archive", "archive_labels"])
async def test_archives(tmp_path: Path, operation: str) -> None:
    """What is named goes, and nothing else; the types of pairs are passed over by an archive."""
    made = portal()
    golf, _ = made.define_label("contact", "company", "Golf partner")
    for one in range(1, 201):
        made.associate("contact", one, "company", 1001, "Golf partner")
        made.associate("contact", one, "company", 1004, "Golf partner")
    order = WriteOrder(operation=operation, **ENDS)  # type: ignore[arg-type]
    files = Files(tmp_path, MANY, order)
    await files.run(made)
    assert files.progress.written == 600
    left = state(made)
    assert {to for _, to in left} == ({1004} if operation == "archive" else {1001, 1004})
    assert all((-golf in types) == (to == 1004) for (_, to), types in left.items())


async def test_the_day_ends_and_the_job_goes_on(tmp_path: Path) -> None:
    """What was whole before the quota was spent is kept, and not sent again."""
    made = portal(limits=Limits(associations_daily=20))
    files = Files(tmp_path, MANY, WriteOrder(operation="create_default", **ENDS))
    with pytest.raises(DailyQuotaSpent):
        await files.run(made)
    before = files.progress.done
    assert before == 20 * 9  # three records to a chunk, a chunk to a request
    assert Journal.open("job", directory=tmp_path).state == "parked"


async def test_links_that_broke_off_are_loaded_again(tmp_path: Path) -> None:
    """Half a file is no import: nothing is sent before all links are there."""
    made = portal()
    files = Files(tmp_path, csv((1, 1001, "primary"), (2, 1001, "primary")) + '3,1001,"primary')
    with pytest.raises(SourceError, match="quote"):
        await files.run(made)
    assert not made.requests
    assert find_job("job", tmp_path).state == "stopped"
    files.input.write_text(csv((4, 1001, "primary")))
    await files.run(made)
    assert state(made).keys() == {(4, 1001)}


async def test_a_source_that_says_nothing_does_not_hold_it_up(tmp_path: Path) -> None:
    """Told to stop while a pipe is silent, it stops."""
    made = portal()
    end, begin = os.pipe()
    with contextlib.closing(Journal.create("job", SPEC, directory=tmp_path)) as journal:
        with os.fdopen(end, "rb", buffering=0) as pipe, os.fdopen(begin, "wb", 0) as writer:
            writer.write(b"from_object_id,to_object_id\n1,1001\n")
            order = WriteOrder(operation="archive", **ENDS)
            letters = DeadLetters(tmp_path / "f", order.origin("v4").letter, job="job")
            async with client_of(made, quota=None) as client:
                job = ImportJob(
                    client, journal, order, open_pairs(pipe, typed=False), letters=letters
                )
                running = asyncio.create_task(job.run())
                await asyncio.sleep(0.05)
                job.stop(grace=0.01)
                await asyncio.wait_for(running, 10)
            writer.close()
            await asyncio.sleep(0.05)  # for the thread to see the end of the pipe
        assert not job.complete
        assert journal.state == "stopped"


def test_chunks_end_between_records() -> None:
    """Unless one record alone has more pairs than a chunk holds."""
    pairs = [
        Link(str(one), str(to))
        for one, many in ((1, 3), (2, 4), (3, 9), (4, 1))
        for to in range(many)
    ]
    chunks = importing._chunks(iter(pairs), 6)
    assert [[link.from_object_id for link in chunk] for chunk in chunks] == [
        ["1"] * 3, ["2"] * 4, ["3"] * 6, ["3"] * 3 + ["4"],
    ]  # fmt: skip
