"""The benchmarks run, and what they find deterministic or with a wide margin is held here.

Never a wall-clock second: requests over the fewest possible, and ratios within one run.
"""

import json

import pytest

from benchmarks import decode, packing
from benchmarks.measure import Table, spread
from benchmarks.pages import CURSORS, SHAPES, Shape, batches, page_of, renderer
from benchmarks.peers import FLOOR, PEERS, Peer, measure, ours_batches, ours_read, ours_stream
from benchmarks.responder import responding


@pytest.mark.parametrize("shape", SHAPES.values(), ids=lambda shape: shape.name)
def test_pages_are_what_they_are_called(shape: Shape) -> None:
    """A rendered page is JSON with every id asked for and the stated mean of associations."""
    page = json.loads(page_of(shape))
    size = min(1000, shape.ids)
    assert len(page["results"]) + len(page.get("errors", ())) == size
    mean = sum(len(result["to"]) for result in page["results"]) / size
    assert mean * shape.pages == pytest.approx(shape.associations, rel=0.1)
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


def test_a_big_portal_is_read_in_almost_the_fewest_requests() -> None:
    """100,000 ids, 0.3 % of them with 1,700 associations: at most 1.04 times the fewest."""
    run = packing.read(packing.CASES[0], (0.02, 0.4), linger=1.0)
    assert run.fewest <= run.requests <= 1.04 * run.fewest


@pytest.mark.parametrize("peer", [ours_read, ours_stream, ours_batches])
def test_peers_get_the_same_answers(peer: Peer) -> None:
    """Over a socket, each way of reading with our client finds what the bare loop finds."""
    shape = SHAPES["typical"]._replace(ids=2_000)
    with responding() as responder:
        floor = measure(PEERS[FLOOR], responder.plain, shape, 1)
        ours = measure(peer, responder.gzip, shape, 1)
        assert responder.usage().requests == 8
    assert ours.associations == floor.associations > shape.ids
    assert ours.ids == floor.ids == shape.ids


def test_an_association_is_held_in_little_memory() -> None:
    """What a read holds stays within 160 bytes an association on typical pages."""
    traced, _resident = decode.hold_apart("ours", SHAPES["typical"])
    assert 50 < traced <= 160


def test_a_table_is_aligned_text() -> None:
    """A table prints as Markdown whose columns line up, with a spread as median, min and max."""
    assert spread([3.0, 1.0, 2.0]) == "2.00 (1.00-3.00)"
    lines = Table("t", ("a", "b"), [("x", "1.0"), ("long", "10.0")]).text().splitlines()
    assert lines[0] == "### t"
    assert len({len(line) for line in lines[2:]}) == 1
