"""The status page, in a real headless browser."""

import os
from pathlib import Path

import pytest

from hubassoc_async.emulator import Fault, Limits, Portal, PortalServer, build_portal
from tests.emulator.asking import HEADERS, ask, batch_request
from tests.emulator.browser import CHROMIUM, WHERE, browse

pytestmark = pytest.mark.skipif(
    CHROMIUM is None and "CI" not in os.environ, reason=f"needs {WHERE}; CI installs it"
)


def busy(now: float = 0.0) -> Portal:
    """A portal that has been asked a good deal, not all of it with success."""
    portal = build_portal(
        2, contacts=50_000, companies=5_000, deals=8_000, limits=Limits(190, 150, 5)
    )
    for kind in ("unavailable", "locked", "cloudflare"):
        portal.fail(kind, nth=[20, 60])
    portal.fail("rate_limited", operation="create", probability=0.5)
    portal.fail(Fault("slow", delay=2), operation="search")
    for turn in range(120):
        ids = [str(1_001 + 90 * turn + i) for i in range(90)]
        portal.handle(batch_request("read", ids), HEADERS, now)
    path = "/crm/objects/2026-03/contact/1001/associations/<img src=x onerror=alert(1)>"
    ask(portal, "GET", path, now=now)
    ask(portal, "GET", "/crm/objects/2026-03/contacts", now=now)
    return portal


async def test_the_page_shows_what_happens(tmp_path: Path) -> None:
    """What is stored, requests by operation, the rate window, the last errors; as text only."""
    async with PortalServer(busy()) as server:
        html = await browse(server.url, tmp_path, "--dump-dom")
    assert 'data-ready="yes"' in html
    for text in (
        "50,000",
        "contact to company",
        "answered 503",
        "120 of 150 in 10 s",
        "cloudflare",
    ):
        assert text in html, text
    assert "&lt;img" in html
    assert "<img" not in html


async def test_a_screenshot_can_be_taken(tmp_path: Path) -> None:
    """The page is more than its background."""
    picture = tmp_path / "emulator.png"
    flags = (f"--screenshot={picture}", "--window-size=1180,1000")
    async with PortalServer(busy()) as server:
        await browse(server.url, tmp_path / "profile", *flags)
    content = picture.read_bytes()
    assert content.startswith(b"\x89PNG")
    assert len(content) > 20_000
