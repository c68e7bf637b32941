"""``hubassoc demo``: a real read from a portal in another process, which never outlives it."""

import asyncio
import json
import re
import signal
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.cli.command import finish, start


async def until_gone(url: str) -> None:
    """Wait until nothing listens any more where the portal was."""
    parts = urlsplit(url)
    while True:
        try:
            _, writer = await asyncio.open_connection(parts.hostname, parts.port)
        except ConnectionRefusedError:
            return
        except ConnectionResetError:  # it was closed while we knocked
            continue
        writer.close()
        await writer.wait_closed()
        await asyncio.sleep(0.05)


async def started(process: asyncio.subprocess.Process) -> str:
    """Wait until the demo's portal is there, and return its URL."""
    assert process.stderr is not None
    async for line in process.stderr:
        if found := re.search(rb"http://127\.0\.0\.1:\d+", line):
            return found[0].decode()
    pytest.fail("the portal was never started")


async def test_demo(tmp_path: Path) -> None:
    """It reads 50,000 contacts, some with thousands of companies, and says where the file is."""
    done = await finish(await start("demo", cwd=tmp_path, more={"TMPDIR": str(tmp_path)}))
    assert done.status == 0, done.err
    found = re.search(r"The file is (\S+)", done.err)
    assert found is not None
    lines = Path(found[1]).read_bytes().splitlines()
    sizes = [len(json.loads(line)["to"]) for line in lines]
    assert len(sizes) == 50_000
    assert max(sizes) == 3_000
    assert "50,000 ids in" in done.err
    told = re.search(r"(\d+) retr(?:y|ies), (\d+) rate limited", done.err)
    assert told is not None
    assert int(told[1]) == 1 + int(told[2])  # one error is on purpose; the quota's edge is felt for
    url = re.search(r"http://\S+", done.err)
    assert url is not None
    await until_gone(url[0])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
async def test_demo_stopped(tmp_path: Path, number: signal.Signals) -> None:
    """However the demo is stopped, its portal is gone as well."""
    process = await start("demo", cwd=tmp_path, more={"TMPDIR": str(tmp_path)})
    url = await started(process)
    process.send_signal(number)
    await asyncio.wait_for(finish(process), 20)
    assert process.returncode == (-9 if number == signal.SIGKILL else 128 + number)
    await until_gone(url)
