"""The emulator as a process: ``python -m hubassoc_async.emulator`` and ``hubassoc emulator``."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from click.testing import CliRunner

from hubassoc_async.cli.emulator import emulator_command
from hubassoc_async.emulator.launch import (
    Launch,
    faults_of,
    limits_of,
    portal_of,
    unknowns_of,
)
from hubassoc_async.emulator.persist import load
from tests.emulator.asking import batch, batch_request, read

CLI = "from hubassoc_async.cli.emulator import emulator_command; emulator_command()"


@asynccontextmanager
async def process(*arguments: str) -> AsyncIterator[tuple[str, asyncio.subprocess.Process]]:
    """The emulator in a process of its own, with its URL."""
    started = await asyncio.create_subprocess_exec(
        sys.executable,
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert started.stdout is not None
    line = await asyncio.wait_for(started.stdout.readline(), 30)
    try:
        yield line.decode().strip(), started
    finally:
        if started.returncode is None:
            started.send_signal(signal.SIGINT)
        await asyncio.wait_for(started.communicate(), 30)


async def ask(url: str, ids: list[str]) -> tuple[int, Any]:
    """Read over HTTP."""
    request = batch_request("read", ids)
    headers = {"Authorization": "Bearer made-up"}
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.post(url + request.path, data=request.body) as answer,
    ):
        return answer.status, await answer.json()


@pytest.mark.parametrize("how", [["-m", "hubassoc_async.emulator"], ["-c", CLI]], ids=["-m", "cli"])
async def test_a_process_serves_and_saves(tmp_path: Path, how: list[str]) -> None:
    """It says where it is, answers, ends on Ctrl-C and leaves its contents in the file."""
    path = tmp_path / "portal.ndjson"
    options = ["--port", "0", "--contacts", "50", "--seed", "4", "--save", str(path)]
    async with process(*how, *options) as (url, _):
        status, body = await ask(url, ["1001", "1002"])
    assert status in (200, 207)
    again = read(load(path, seed=4), "1001", "1002")
    assert again["results"] == body["results"]


def test_options_become_a_portal() -> None:
    """Limits, faults, settings, tokens, latency."""
    launch = Launch(
        sizes={"contacts": 10, "companies": 5},
        tier="free",
        limit="1/2.5",
        faults=("locked=0",),
        unknowns=("too_many_inputs=413", "object_ids=string", "retry_after=3"),
        tokens=("pat-na1-test",),
        latency="5-10",
    )
    portal = portal_of(launch)
    statuses = [batch(portal, "read", ["1001"], now=now).status for now in (0, 2.4, 2.5)]
    assert statuses[1] == 429
    assert 429 not in (statuses[0], statuses[2])
    assert batch(portal, "read", ["1"] * 1001, now=9).status == 413
    assert portal.unknowns.retry_after == 3
    assert portal.handle(batch_request("read", ["1"]), {}, 20).response.status == 401


def test_limits_by_plan() -> None:
    """As published: associations 100, 150 and 200, general 100, 190 and 250 in ten seconds."""
    published = {
        tier: (limits_of(tier, None, None).associations, limits_of(tier, None, None).general)
        for tier in ("free", "professional", "enterprise", "addon")
    }
    assert published == {
        "free": (100, 100),
        "professional": (150, 190),
        "enterprise": (150, 190),
        "addon": (200, 250),
    }
    assert limits_of("free", None, 7).associations_daily == 7


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--limit", "fast", "N/SECONDS"),
        ("--limit", "5/0", "N/SECONDS"),
        ("--fault", "locked=2", "KIND=PROBABILITY"),
        ("--fault", "gremlins", "unknown fault"),
        ("--fault", "response", "as a Response"),
        ("--unknown", "weather=fine", "unknown setting"),
        ("--unknown", "too_many_inputs=500", "unknowns"),
        ("--latency", "never", "milliseconds"),
        ("--load", "nothing.sqlite", "nothing.sqlite"),
    ],
)
def test_impossible_options_are_explained(option: str, value: str, said: str) -> None:
    """With exit status 1 and a sentence, and nothing is served."""
    result = CliRunner().invoke(emulator_command, [option, value])
    assert result.exit_code == 1
    assert said in result.output


def test_texts_of_options() -> None:
    """A fault without a number always happens."""
    assert faults_of(["locked", "slow=0.5"]) == [("locked", 1.0), ("slow", 0.5)]
    assert unknowns_of(["page_size=5"]).page_size == 5


async def test_the_module_explains_too() -> None:
    """Without the extra there is argparse."""
    made = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "hubassoc_async.emulator", "--limit", "x"),
        stderr=asyncio.subprocess.PIPE,
    )
    _, err = await asyncio.wait_for(made.communicate(), 30)
    assert made.returncode == 2
    assert b"N/SECONDS" in err
    assert b"Traceback" not in err
