"""Hand-written samples from HubSpot's pages and from live answers judge the portal.

The client is judged by the same files, so neither can be wrong in the other's favour.
"""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from hubassoc_async.emulator import Portal, Unknowns
from tests.emulator.asking import ask

SAMPLES = sorted((Path(__file__).parent.parent / "samples").glob("*.json"))


def without(value: Any, names: list[str], where: str = "") -> Any:
    """A body without what was published and never seen; ``a/b`` is ``b`` inside ``a`` only."""
    if isinstance(value, list):
        return [without(item, names, where) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        name: without(item, names, name)
        for name, item in value.items()
        if name not in names and f"{where}/{name}" not in names
    }


def by_record(body: Any) -> Any:
    """A body whose results are in an order of ours: HubSpot promises none."""
    if "results" in body:
        body["results"].sort(key=lambda result: json.dumps(result, sort_keys=True))
    return body


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_the_portal_answers_as_the_sample_says(path: Path) -> None:
    """Status and body, except for what the sample says was never seen."""
    sample = json.loads(path.read_text("utf-8"))
    setup = sample["portal"]
    moment = datetime(2026, 4, 13, 9, 15, 30, tzinfo=UTC)
    portal = Portal(unknowns=Unknowns(**setup.get("unknowns", {})), epoch=moment)
    for association in setup["associations"]:
        portal.associate(*association)
    if "fault" in setup:
        portal.fail(setup["fault"])
    response = ask(portal, sample["method"], sample["path"], sample["request"])
    given = json.loads(response.body)
    wanted = without(sample["response"], setup.get("never_seen", []))
    if "correlationId" in wanted:
        wanted["correlationId"] = given["correlationId"]
    if "fault" in setup:
        given |= {name: wanted[name] for name in ("startedAt", "completedAt")}
    assert response.status == sample["status"]
    assert by_record(given) == by_record(wanted)


def test_every_sample_has_its_source() -> None:
    """There are samples, and each says where it comes from."""
    assert len(SAMPLES) >= 8
    assert all(len(json.loads(path.read_text("utf-8"))["source"]) > 40 for path in SAMPLES)
