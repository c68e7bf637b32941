"""The benchmark of create runs, and its peers do the same work."""

import pytest

from benchmarks.create import PEERS, measure
from benchmarks.responder import responding


@pytest.mark.parametrize("peer", PEERS)
def test_every_peer_creates_every_link(peer: str) -> None:
    """Each has as many pairs as it was given, over a real socket, or ``measure`` fails."""
    with responding() as responder:
        assert measure(peer, responder.plain, 4_500).cpu > 0
