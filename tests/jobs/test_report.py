"""The page about a job: self-contained, whatever the job is in the middle of."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubassoc_async.errors import DailyQuotaSpent
from hubassoc_async.jobs.dead_letters import (
    FAILURES,
    DeadLetters,
    Origin,
    failures_now,
    failures_of,
)
from hubassoc_async.jobs.journal import Journal, Mark, find_job
from hubassoc_async.jobs.parking import park, unpark
from hubassoc_async.jobs.plots import Line, plot
from hubassoc_async.jobs.report import report, write_report
from hubassoc_async.jobs.sampling import Sample
from hubassoc_async.model import Failure
from tests.jobs.test_parking import BERLIN, SPEC


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    spec = msgspec.structs.replace(SPEC, source="file <b>ids</b>.csv")
    told = {"to": str(tmp_path / "x.csv"), "quota": "professional"}
    journal = Journal.create("night", spec, arguments=told, directory=tmp_path)
    yield journal
    journal.close()


class Checked(HTMLParser):
    """A page whose elements are closed in order, and that asks for nothing."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.paths = 0
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert not {"src", "href", "srcset", "onload"} & {name for name, _ in attrs}
        assert tag not in ("script", "link", "iframe", "img", "b")
        self.paths += tag == "path"
        for name, value in attrs:
            if name == "d":
                numbers = re.findall(r"-?[\d.]+", value or "")
                assert numbers
                assert all(-1 <= float(number) <= 800 for number in numbers)
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def run(journal: Journal, begin: float, seconds: int, *, done: int = 0) -> int:
    """Note one run with a sample a second, ten requests and a thousand ids in each."""
    rows = []
    for n in range(seconds):
        done += 1000
        sample = Sample(
            run=begin, done=done, failed=3, requests=10 * n, retries=n, rate_limited=n,
            batches=9 * n, inputs=8100 * n, answered=10 * n, waited=2.5 * n, in_flight=4,
            quota_share=0.5,
        )  # fmt: skip
        rows.append((begin + n, msgspec.json.encode(sample).decode()))
    with journal.transaction() as connection:
        connection.executemany("insert into samples values (?, ?)", rows)
    return done


def test_a_new_job_has_a_page(journal: Journal) -> None:
    """Before anything was done there is something to see, and nothing to plot."""
    page = report(find_job("night", journal.path.parent))
    assert Checked(page).paths == 0
    assert "file &lt;b&gt;ids&lt;/b&gt;.csv" in page


def test_what_was_over_at_once_is_not_plotted(journal: Journal) -> None:
    """Empty plots would say that nothing happened."""
    run(journal, 1_800_000_000.0, 2)
    journal.commit(Mark(items=3, counts={"created": 1, "archived": 1, "stale": 1}))
    page = report(journal.info)
    assert Checked(page).paths == 0
    assert "1 stale" in page


def test_what_happened_is_on_the_page(journal: Journal, tmp_path: Path) -> None:
    """Runs, the rest between them, the quota, what failed and why; thousands of samples are few."""
    done = run(journal, 1_800_000_000.0, 5_000)
    park(journal, DailyQuotaSpent("the day is spent"), BERLIN, 1_800_005_000.0)
    unpark(journal, 1_800_030_000.0)
    run(journal, 1_800_030_000.0, 100, done=done)
    origin = Origin(
        operation="read", from_object_type="contacts", to_object_type="companies", api_version="v4"
    )
    letters = DeadLetters(failures_of(journal.info), origin.letter, job=journal.key)
    place = letters.write(
        [Failure(str(one), "INTERNAL_ERROR", "<oops>", transient=True) for one in range(3)]
    )
    letters.close()
    counts = {"found": 5_099_997, "failed": 3}
    journal.commit(Mark(items=5_100_000, counts=counts, positions={FAILURES: place}))
    path = tmp_path / "report.html"
    write_report(path, journal.info)
    page = path.read_text()
    assert len(page) < 200_000
    assert Checked(page).paths > 20
    for said in (
        "5,099,997 found", "3 failed", "quota (150/10)", "in 2 runs", "INTERNAL_ERROR",
        "&lt;oops&gt;", "0.25 s", "parked", "50,980, 5,098 of them repeats", "1 h 24 min",
        "45,882 of 900 inputs", "lists, on another quota",
    ):  # fmt: skip
        assert said in page, said
    assert 'class="band"' in page


@pytest.mark.parametrize("committed", [0, 3])
def test_failures_behind_the_mark_are_not_counted(journal: Journal, committed: int) -> None:
    """A job that runs, or died as it wrote, has half a line there."""
    origin = Origin(
        operation="read", from_object_type="contacts", to_object_type="companies", api_version="v4"
    )
    letters = DeadLetters(failures_of(journal.info), origin.letter, job=journal.key)
    place = letters.write([Failure(str(one), "X", "well known") for one in range(committed)])
    letters.write([Failure("9", "X", "not yet")])
    letters.close()
    journal.commit(Mark(items=9, positions={FAILURES: place}))
    found = failures_now(journal.info)
    assert found is not None
    found.write_bytes(found.read_bytes()[:-9])
    page = report(journal.info)
    assert ('<td class="n">3</td>' in page) is (committed == 3)
    assert "not yet" not in page


@given(
    points=st.lists(
        st.tuples(
            st.floats(0, 1e6, allow_subnormal=False), st.floats(0, 1e12, allow_subnormal=False)
        ),
        min_size=1,
        max_size=20,
    ),
    level=st.none() | st.floats(0, 1e6, allow_subnormal=False),
)
def test_any_line_stays_in_its_plot(points: list[tuple[float, float]], level: float | None) -> None:
    """Whatever the numbers: well-formed, and within the picture."""
    drawn = plot(
        [Line("a", 1, [sorted(points)], area=True), Line("b", 2, [])],
        seconds=max(x for x, _ in points),
        level=None if level is None else ("l", level),
    )
    Checked(drawn)
