"""The benchmarks run, and what they find deterministic or with a wide margin is held here.

Never a wall-clock second: requests over the fewest possible, and ratios within one run.
"""

import json
from importlib import import_module
from pathlib import Path
from xml.etree import ElementTree

import pytest

from benchmarks import packing, throughput, world
from benchmarks.__main__ import PARTS, main
from benchmarks.child import Child, call_apart, cost_of
from benchmarks.limits import outcomes
from benchmarks.measure import QUICK, Aim, Bars, Lines, Table, spread, table_of
from benchmarks.pages import CURSORS, SHAPES, Shape, batches, fewest_requests, page_of, renderer
from benchmarks.peers import (
    BATCHES,
    FLOOR,
    JSON,
    PEERS,
    RAW,
    READ,
    SDK,
    UVLOOP,
    Memory,
    Round,
    measure,
    memory,
)
from benchmarks.plots import draw
from benchmarks.responder import responding
from benchmarks.world import OURS, SEMAPHORE, least_seconds, simulate


@pytest.mark.parametrize("shape", SHAPES.values(), ids=lambda shape: shape.name)
def test_pages_are_what_they_are_called(shape: Shape) -> None:
    """A rendered page is JSON with every id asked for and the stated mean of associations."""
    page = json.loads(page_of(shape, 200))
    size = min(200, shape.ids)
    assert len(page["results"]) + len(page.get("errors", ())) == size
    mean = sum(len(result["to"]) for result in page["results"]) / size
    assert mean * shape.pages == pytest.approx(shape.associations, rel=0.2)
    assert all(("paging" in result) == (shape.pages > 1) for result in page["results"])


def test_a_giant_record_ends() -> None:
    """Following the cursors of the giant shape ends after its stated number of pages."""
    shape, seen = SHAPES["giant"], 1
    render, after = renderer(shape), None
    while True:
        (result,) = json.loads(render([("34000000000", after)]))["results"]
        if "paging" not in result:
            break
        after = result["paging"]["next"]["after"]
        assert after in CURSORS
        seen += 1
    assert seen == shape.pages


def test_batches_cut_everything_once() -> None:
    """Batches hold every id once, in order, and none is empty."""
    ids = [str(number) for number in range(2_500)]
    cut = batches(ids)
    assert [each for batch in cut for each in batch] == ids
    assert list(map(len, cut)) == [1000, 1000, 500]


@pytest.mark.parametrize(
    ("pages", "least"),
    [
        ([], 0),
        ([1] * 1000, 1),
        ([1] * 1001, 2),
        ([4] + [1] * 999, 4),
        ([4] + [1] * 2999, 4),
        ([1] * 2999 + [4], 6),
        ([2] * 1000, 2),
        ([2] * 1001, 3),
    ],
)
def test_the_fewest_requests_are_those_that_no_client_can_do_without(
    pages: list[int], least: int
) -> None:
    """Places for all pages, and those of one record one after another, the first in its turn."""
    assert fewest_requests(pages) == least


def test_a_big_portal_is_read_in_almost_the_fewest_requests() -> None:
    """100,000 ids, 0.3 % of them with 1,700 associations: at most 1.02 times the fewest."""
    run = packing.read(packing.CASES[0], (0.02, 0.4), linger=1.0)
    assert run.fewest <= run.requests <= 1.02 * run.fewest


@pytest.mark.parametrize("peer", [name for name in PEERS if name not in (FLOOR, RAW)])
def test_peers_get_the_same_answers(peer: str) -> None:
    """Over a socket, each peer finds what the bare loop finds, cursors and gzip included."""
    with responding() as responder:
        for shape, share in (("typical", 0.1), ("giant", 0.5), ("empty", 0.05)):
            floor = measure(FLOOR, responder.plain, shape, share)
            one = measure(peer, responder.gzip, shape, share)
            assert (one.ids, one.associations) == (floor.ids, floor.associations)
    assert one.cpu > 0


def test_every_loop_reads_the_same() -> None:
    """On uvloop a peer finds what it finds on asyncio's loop."""
    pytest.importorskip("uvloop")
    with responding() as responder:
        rounds = [measure(READ + loop, responder.plain, "typical", 0.05) for loop in ("", UVLOOP)]
        assert responder.usage().requests == 2
    assert rounds[0][2:] == rounds[1][2:]


def test_an_association_is_held_in_little_memory() -> None:
    """What a read holds stays within 160 bytes an association on typical pages."""
    with responding() as responder:
        found = Memory(*call_apart(memory, READ, responder.plain, "typical", 0.5))
    assert 50 < found.held / found.associations <= 160
    assert found.peak > found.held / 2


def test_a_process_of_its_own_is_asked_again_and_again() -> None:
    """A child answers call after call, and says which module's failed."""
    with responding() as responder, Child("benchmarks.peers") as child:
        for _ in range(2):
            one = Round(*child.call("measure", SDK, responder.plain, "typical", 0.001))
            assert (one.ids, one.cpu > 0) == (20, True)
        with pytest.raises(RuntimeError, match=r"benchmarks\.peers"):
            child.call("measure", "nobody", responder.plain, "typical", 0.001)


def test_cost_is_what_this_process_spends() -> None:
    """Doing something costs CPU, and no more than the clock allows one thread."""
    result, cost = cost_of(lambda: sum(range(300_000)))
    assert result
    assert cost.cpu > 0


def test_under_limits_ours_asks_least_and_loses_nothing() -> None:
    """30,000 ids at 20 requests per 10 s: all whole, no 429; the plain way asks for each cursor."""
    ours, plain = outcomes([(way, 30_000, 20, 0.0) for way in (OURS, SEMAPHORE)])
    assert (ours.done, ours.rejected) == (30_000, 0)
    assert ours.fewest == plain.fewest >= 31
    assert ours.fewest <= ours.requests <= 1.1 * ours.fewest
    assert ours.seconds > least_seconds(ours.fewest, 20) == 10
    assert plain.requests - plain.rejected == 30 + 90 * 3
    assert plain.rejected


def test_while_requests_fail_ours_loses_nothing_and_the_plain_way_does() -> None:
    """With a fifth of the requests failing, every id of ours comes out whole."""
    assert simulate(OURS, 10_000, 100, 0.2).done == 10_000
    assert simulate(SEMAPHORE, 10_000, 100, 0.2).done < 10_000


@pytest.mark.parametrize("way", world.WAYS)
def test_every_way_reads_a_portal_whole(way: str) -> None:
    """Where nothing fails and no limit is near, every way reads every id."""
    assert simulate(way, 2_000, 100, 0.0).done == 2_000


@pytest.mark.parametrize("part", [part for part in PARTS if part != "throughput"])
def test_a_part_gives_tables(part: str) -> None:
    """Each part runs at its smallest and gives at least one table, whose rows fit its columns."""
    results = list(import_module(f"benchmarks.{part}").run(QUICK))
    tables = [result for result in results if isinstance(result, Table)]
    assert tables
    for table in tables:
        assert table.rows
        assert {len(row) for row in table.rows} == {len(table.columns)}


def test_one_command_writes_the_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command writes a report with its aims, and a plot that is drawn for each it shows."""
    few = (FLOOR, READ, BATCHES, RAW, JSON, SDK)  # each other peer has a test of its own
    monkeypatch.setattr(throughput, "PEERS", few)
    monkeypatch.setattr(throughput, "on_uvloop", lambda: [one + UVLOOP for one in (FLOOR, JSON)])
    assert main(["throughput", "--quick", "--output", str(tmp_path)]) == 0
    report = (tmp_path / "RESULTS.md").read_text()
    assert "## Aims" in report
    assert all(peer in report for peer in few)
    for file in ("cpu.svg", "memory.svg"):
        assert f"({file})" in report
        assert ElementTree.parse(tmp_path / file).getroot().tag.endswith("svg")


def test_a_part_that_fails_is_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A part that fails leaves the others their report, says so, and fails the command."""
    monkeypatch.setattr("benchmarks.packing.CASES", None)
    assert main(["packing", "decode", "--quick", "--output", str(tmp_path)]) == 1
    report = (tmp_path / "RESULTS.md").read_text()
    assert "The part packing failed" in report
    assert "### Decoding a page, typical" in report


def test_what_is_missing_is_said_first(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without a library of the extra, or with a part that is none, nothing is measured."""
    with pytest.raises(SystemExit):
        main(["nonsense"])
    assert "no part is named nonsense" in capsys.readouterr().err
    monkeypatch.setattr("benchmarks.__main__.NEEDED", ("no_such_module",))
    with pytest.raises(SystemExit):
        main(["decode"])
    assert "missing: no_such_module; pip install -e '.[bench]'" in capsys.readouterr().err


def test_a_plot_shows_its_figures(tmp_path: Path) -> None:
    """Bars and lines are drawn with their names and numbers as text."""
    bars = draw(Bars("bars", "Title", "s", {"ours": 1.5, "theirs": 300.0}), tmp_path).read_text()
    points = [(1e3, 2.0), (1e6, 2.25)]
    lines = draw(Lines("lines", "Title", "ids", "s", {"ours": points}), tmp_path).read_text()
    assert all(text in bars for text in ("Title", "ours", "theirs", "1.5", "300"))
    assert all(text in lines for text in ("Title", "ids", "ours", "2.25"))


def test_an_aim_is_met_on_its_side() -> None:
    """An aim is met from below or from above, its bound included."""
    aims = [
        Aim("a", 1.0, 1.0),
        Aim("b", 1.0, 1.1),
        Aim("c", 25, 24.9, True),
        Aim("d", 25, 25, True),
    ]
    assert [aim.met for aim in aims] == [True, False, False, True]
    assert table_of(aims).text().count("**not met**") == 2


def test_a_table_is_aligned_text() -> None:
    """A table prints as Markdown whose columns line up, with a spread as median, min and max."""
    assert spread([3.0, 1.0, 2.0]) == "2.00 (1.00-3.00)"
    lines = Table("t", ("a", "b"), [("x", "1.0"), ("long", "10.0")]).text().splitlines()
    assert lines[0] == "### t"
    assert len({len(line) for line in lines[2:]}) == 1
