"""Real ``hubassoc`` processes, and a portal that says what they should find."""

import asyncio
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from hubassoc_async.emulator import Portal

TOKEN = "pat-na1-5eCReT-0000"
CONTACTS = range(1_001, 4_001)
QUIET_QUOTA = "10000/1"


class Done(NamedTuple):
    """How a process ended and what it said."""

    status: int
    out: bytes
    err: str


def environment(**more: str) -> dict[str, str]:
    """The environment of a process: a token, and nothing that changes how things look."""
    plain = {
        name: value
        for name, value in os.environ.items()
        if name not in ("HUBSPOT_ACCESS_TOKEN", "NO_COLOR", "FORCE_COLOR", "COLUMNS")
    }
    return plain | {"HUBSPOT_ACCESS_TOKEN": TOKEN, "TERM": "xterm"} | more


async def start(
    *arguments: object,
    cwd: Path,
    stderr: int = asyncio.subprocess.PIPE,
    more: Mapping[str, str] | None = None,
) -> asyncio.subprocess.Process:
    """Start ``python -m hubassoc_async`` with some arguments."""
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "hubassoc_async", *map(str, arguments)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=stderr,
        cwd=cwd,
        env=environment(**(more or {})),
    )


async def finish(process: asyncio.subprocess.Process, stdin: bytes = b"") -> Done:
    """Wait for a process."""
    out, err = await process.communicate(stdin)
    assert process.returncode is not None
    return checked(process.returncode, out, err or b"")


def checked(status: int, out: bytes, err: bytes) -> Done:
    """What a process said, in which the token must be nowhere."""
    said = err.decode()
    assert TOKEN not in said
    assert TOKEN.encode() not in out
    assert "Traceback" not in said, said
    return Done(status, out, said)


async def hubassoc(*arguments: object, cwd: Path, stdin: bytes = b"", **more: str) -> Done:
    """Run a command to its end."""
    return await finish(await start(*arguments, cwd=cwd, more=more), stdin)


async def read(
    url: str, *arguments: object, cwd: Path, stdin: bytes = b"", quota: str = QUIET_QUOTA
) -> Done:
    """Run ``hubassoc read contacts companies`` against a portal to its end."""
    command = ("read", "contacts", "companies", "--base-url", url, "--quota", quota)
    return await hubassoc(*command, *arguments, cwd=cwd, stdin=stdin)


def truth(portal: Portal) -> dict[str, set[tuple[str, int]]]:
    """What a portal has: for each contact, the companies and types it is associated with."""
    relation = portal.graph.relation("contact", "company")
    return {
        str(one): {
            (str(to), type_id)
            for to, kind in relation.pairs(one).items()
            for type_id in relation.kinds[kind]
        }
        for one in CONTACTS
    }


def names(directory: Path) -> list[str]:
    """The files of a directory, hidden ones too."""
    return sorted(path.name for path in directory.iterdir())
