"""Hand-written samples from HubSpot's pages and from live answers judge the client.

The same files judge the portal (``tests/emulator/test_samples.py``), which shares no codec with
the client: a mistake on one side shows on the other.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.steps import at_once
from hubassoc_async.model import ObjectAssociations, Outcome
from hubassoc_async.protocol.exchange import ReadExchange
from hubassoc_async.protocol.message import Response
from hubassoc_async.protocol.problem import Problem, Remedy
from hubassoc_async.protocol.versions import VERSIONS

SAMPLES = Path(__file__).parent.parent / "samples"

Expected = dict[str, dict[str, list[tuple[int | None, str | None]]]]

READ: dict[str, tuple[Expected, str | None]] = {
    # sample: id -> to id -> (type id, label) for what comes out; the cursor that goes on
    "read-v3-published": ({"53628": {"12726": [(1, "Primary"), (279, None)]}, "37295": {}}, None),
    "read-v4-seen": (
        {"34461455164": {}, "34461455165": {"17550912345": [(5, "Primary"), (341, None)]}},
        None,
    ),
    "read-2026-03-published": ({"1002": {"7502": [(279, None)]}}, "MC0yNzktNzUwMQ%3D%3D"),
}
REFUSED = {
    "read-2026-03-canceled": (Remedy.RETRY, "CANCELED"),
    "read-unknown-type-seen": (Remedy.STOP, "widgets"),
}


def exchanged(name: str) -> tuple[ReadExchange, dict[str, Any], "list[Outcome] | Problem"]:
    """Play a sample: the client asks what it asks, and is answered what it answers."""
    sample = json.loads((SAMPLES / f"{name}.json").read_text())
    from_type, to_type = sample["path"].split("/")[-4:-2]
    exchange = ReadExchange(VERSIONS[sample["version"]], from_type, to_type)
    exchange.feed(one["id"] for one in sample["request"]["inputs"])
    exchange.more_ids = False
    batch = exchange.next_batch()
    batch.inputs = {one["id"]: one.get("after") for one in sample["request"]["inputs"]}
    request = exchange.request(batch)
    assert (request.method, request.path) == (sample["method"], sample["path"])
    assert json.loads(request.body or b"") == sample["request"]
    answer = Response(sample["status"], {}, json.dumps(sample["response"]).encode())
    return exchange, sample, at_once(exchange.receive(batch, answer))


def test_every_sample_of_reading_is_judged() -> None:
    """A new file cannot be forgotten."""
    assert {path.stem for path in SAMPLES.glob("read-*.json")} == READ.keys() | REFUSED.keys()


@pytest.mark.parametrize("name", READ)
def test_the_client_asks_and_understands_as_the_sample_shows(name: str) -> None:
    """Its request is the sample's to the letter, and its outcomes are what the answer says."""
    expected, after = READ[name]
    exchange, sample, outcomes = exchanged(name)
    assert isinstance(outcomes, list)
    found: Expected = {}
    for outcome in outcomes:
        assert isinstance(outcome, ObjectAssociations)
        found[outcome.from_object_id] = {
            to.to_object_id: [(kind.type_id, kind.label) for kind in to.association_types]
            for to in outcome.to
        }
    assert found == expected
    owed = {one["id"] for one in sample["request"]["inputs"]} - expected.keys()
    assert set(exchange.unread) == owed
    if after is not None:
        assert exchange.next_batch().inputs == dict.fromkeys(owed, after)


@pytest.mark.parametrize("name", REFUSED)
def test_the_client_takes_no_refusal_for_an_answer(name: str) -> None:
    """Nothing comes out, and the problem says why."""
    remedy, said = REFUSED[name]
    exchange, _, problem = exchanged(name)
    assert isinstance(problem, Problem)
    assert problem.remedy is remedy
    assert said in problem.message
    assert exchange.unread
