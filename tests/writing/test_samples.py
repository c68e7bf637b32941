"""Hand-written samples from HubSpot's pages and from live answers judge the client's writes."""

import json
from pathlib import Path

import pytest

from benchmarks.steps import at_once
from hubassoc_async.model import AssociationType, WriteOperation, WriteOutcome
from hubassoc_async.protocol.label_types import LabelTypes
from hubassoc_async.protocol.message import Response
from tests.writing.peer import writing

SAMPLES = Path(__file__).parent.parent / "samples"
OPERATIONS: dict[str, WriteOperation] = {"create": "create", "default": "create_default"}


class _ManyPrimaries(LabelTypes):
    """A sample sets two primary companies of one contact, which the client would refuse."""

    def holder(self, one: AssociationType) -> None:
        return None


LENIENT = _ManyPrimaries("contacts", "companies")
WRITTEN: dict[str, dict[tuple[str, str], tuple[str, tuple[int, ...], tuple[str, ...]]]] = {
    # sample: pair -> status, type ids, labels that HubSpot said
    "create-v3-seen": {
        ("1001", "7501"): ("written", (1,), ()),
        ("1001", "9999"): ("failed", (1,), ()),
    },
    "create-v4-published": {("1001", "7501"): ("written", (1,), ("Primary",))},
    "create-v4-seen": {("1001", "7501"): ("written", (279,), ())},
    "default-2026-03-published": {
        ("1001", "7501"): ("written", (279,), ()),
        ("1001", "9999"): ("failed", (), ()),
    },
}


def test_every_sample_of_writing_is_judged() -> None:
    """A new file cannot be forgotten."""
    found = {path.stem for path in SAMPLES.glob("*.json")}
    assert {name for name in found if not name.startswith("read-")} == WRITTEN.keys()


@pytest.mark.parametrize("name", WRITTEN)
def test_the_client_writes_and_understands_as_the_sample_shows(name: str) -> None:
    """Its request is the sample's to the letter, and its outcomes are what the answer says."""
    sample = json.loads((SAMPLES / f"{name}.json").read_text())
    exchange = writing(OPERATIONS[sample["operation"]], version=sample["version"], types=LENIENT)
    for one in sample["request"]["inputs"]:
        types: list[object] = [kind["associationTypeId"] for kind in one.get("types", ())]
        if "type" in one:
            types.append(one["type"])
        link = one["from"]["id"], one["to"]["id"], *([tuple(types)] if types else [])
        assert exchange.feed([link]) == []
    exchange.more_ids = False
    assert exchange.ready()
    step = exchange.next_batch()
    request = exchange.request(step)
    assert (request.method, request.path) == (sample["method"], sample["path"])
    assert json.loads(request.body or b"") == sample["request"]
    body = json.dumps(sample["response"]).encode()
    outcomes = at_once(exchange.receive(step, Response(sample["status"], {}, body)))
    assert isinstance(outcomes, list)
    assert {(o.from_object_id, o.to_object_id): _said(o) for o in outcomes} == WRITTEN[name]
    assert exchange.finished


def _said(outcome: WriteOutcome) -> tuple[str, tuple[int | None, ...], tuple[str, ...]]:
    ids = tuple(one.type_id for one in outcome.association_types)
    return outcome.status, ids, getattr(outcome, "labels", ())
