"""How long answers take."""

from random import Random

import pytest

from hubassoc_async.emulator import Portal
from hubassoc_async.emulator.latency import Latency
from tests.emulator.asking import HEADERS, batch_request


def test_hubspots_latency() -> None:
    """Reads are quick, writes slower, big batches slow, and the first call of an app slowest."""
    model, random = Latency.parse("hubspot"), Random(1)

    def seconds(operation: str, inputs: int, *, first: bool = False) -> float:
        return model.seconds(operation, inputs, first=first, random=random)

    assert 0.012 <= seconds("read", 0) <= 0.042
    assert 0.090 <= seconds("create", 0) <= 0.125
    assert 0.200 <= seconds("labels", 0) <= 0.350
    assert seconds("create", 2000) > 2
    assert seconds("read", 1, first=True) > 0.8


def test_a_portal_is_late_by_its_model() -> None:
    """The delay is in the reply; the portal itself does not wait."""
    portal = Portal(latency="20-400")
    delays = [portal.handle(batch_request("read", ["1"]), HEADERS, 0).delay for _ in range(50)]
    assert 0.02 <= min(delays) < max(delays) <= 0.4


@pytest.mark.parametrize("text", ["fast", "400-20", "-5", "1-x"])
def test_other_models_are_refused(text: str) -> None:
    """With those there are."""
    with pytest.raises(ValueError, match="none, hubspot or milliseconds"):
        Latency.parse(text)


def test_one_number_is_a_constant() -> None:
    """In milliseconds."""
    late = Latency.parse("50").seconds("read", 1, first=True, random=Random(1))
    assert late == pytest.approx(0.05)
