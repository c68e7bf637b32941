"""Our client's ways to read, each as one function: ids in, what is held or counted out."""

import json
import os
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.pages import Shape
from benchmarks.rivals import CONCURRENCY
from hubassoc_async.client import AssociationsClient
from hubassoc_async.model import ObjectAssociations
from hubassoc_async.pacing import Quota


class Counted(NamedTuple):
    """What passed by."""

    ids: int
    associations: int


def client_at(url: str) -> AssociationsClient:
    """Make our client with its defaults but for a quota that is never reached.

    Paced ``strict``: ``adaptive`` begins with one request at a time, as it should where it knows
    nothing of a portal, and that would be most of the time of twenty requests.
    """
    return AssociationsClient(
        "benchmark",
        base_url=url,
        concurrency=CONCURRENCY,
        quota=Quota(1_000_000, 10),
        pacing="strict",
    )


async def read(url: str, shape: Shape, ids: list[str]) -> Any:
    """Ours, ``read``: everything in memory, by id."""
    async with client_at(url) as client:
        result = await client.read("contacts", shape.to_object_type, ids)
    assert not result.failures
    return result


async def stream(url: str, shape: Shape, ids: list[str]) -> Counted:
    """Ours, ``stream_read``: outcomes one by one, nothing kept."""
    seen = associations = 0
    async with (
        client_at(url) as client,
        client.stream_read("contacts", shape.to_object_type, ids) as outcomes,
    ):
        async for outcome in outcomes:
            assert isinstance(outcome, ObjectAssociations)
            seen += 1
            associations += len(outcome.to)
    return Counted(seen, associations)


async def batches(url: str, shape: Shape, ids: list[str]) -> Counted:
    """Ours, ``stream_read`` in lists, as a bulk job takes them: nothing kept."""
    seen = associations = 0
    async with (
        client_at(url) as client,
        client.stream_read("contacts", shape.to_object_type, ids) as outcomes,
    ):
        async for batch in outcomes.batches():
            seen += len(batch)
            for outcome in batch:
                assert isinstance(outcome, ObjectAssociations)
                associations += len(outcome.to)
    return Counted(seen, associations)


def _command(url: str, shape: Shape, ids: list[str], command: tuple[str, str, str]) -> Counted:
    """Run a command of ours, from a file of ids to a file of outcomes, in this process."""
    from hubassoc_async.cli.commands import hubassoc

    verb, to, name = command
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"HUBSPOT_ACCESS_TOKEN": "benchmark", "HUBASSOC_JOBS": folder}
        given, output, summary = (Path(folder, one) for one in ("ids.txt", name, "summary.json"))
        given.write_text("\n".join(ids))
        files = {"--ids": given, to: output, "--summary": summary}
        limits = {"--quota": "1000000/10", "--pacing": "strict", "--concurrency": CONCURRENCY}
        options = [str(part) for option in {**files, **limits}.items() for part in option]
        kinds = ["contacts", shape.to_object_type, "--base-url", url]
        status = hubassoc([verb, *kinds, *options, "--quiet"], standalone_mode=False)
        assert status == 0, f"the command ended with {status}"
        done = json.loads(summary.read_text())
        assert output.stat().st_size
    return Counted(done["found"] + done["none"], done["associations"])


def command_read(url: str, shape: Shape, ids: list[str]) -> Counted:
    """Ours, ``hubassoc read`` to NDJSON."""
    return _command(url, shape, ids, ("read", "--output", "out.ndjson"))


def export_ndjson(url: str, shape: Shape, ids: list[str]) -> Counted:
    """Ours, ``hubassoc export`` to NDJSON: a job with a journal, which survives power loss."""
    return _command(url, shape, ids, ("export", "--to", "out.ndjson"))


def export_parquet(url: str, shape: Shape, ids: list[str]) -> Counted:
    """Ours, ``hubassoc export`` to Parquet."""
    return _command(url, shape, ids, ("export", "--to", "out.parquet"))
