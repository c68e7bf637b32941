"""A portal on a port, and a file with the ids of its contacts."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hubassoc_async.emulator import Portal, PortalServer, Unknowns, build_portal
from tests.cli.command import CONTACTS, TOKEN


@pytest.fixture
def portal() -> Portal:
    """3,000 contacts, of whom some have more companies than fit on a page."""
    portal = build_portal(
        contacts=len(CONTACTS),
        companies=200,
        heavy=0.01,
        heavy_size=150,
        unknowns=Unknowns(page_size=100),
    )
    portal.add_token(TOKEN)
    return portal


@pytest.fixture
async def url(portal: Portal) -> AsyncIterator[str]:
    """Where the portal is served."""
    async with PortalServer(portal) as server:
        yield server.url


@pytest.fixture
def ids(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of all contacts, apart from what a command writes."""
    path = tmp_path_factory.mktemp("ids") / "contacts.txt"
    path.write_text("".join(f"{one}\n" for one in CONTACTS))
    return path
