"""The benchmark of create runs, and its peers do the same work."""

import pytest

from benchmarks.create import FLOOR, PEERS, SDK, measure, responding


@pytest.mark.parametrize("peer", [name for name in PEERS if name != SDK])
def test_every_peer_creates_every_link(peer: str) -> None:
    """Each counts as many pairs as it was given, over a real socket."""
    assert FLOOR in PEERS
    with responding() as url:
        assert measure(peer, url, 4_500, 1).links == 4_500
