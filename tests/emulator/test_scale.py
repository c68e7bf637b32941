"""A portal as large as any that a benchmark reads."""

import pytest

from benchmarks.child import call_apart
from benchmarks.emulator import scale


@pytest.mark.slow
def test_a_million_contacts_with_ten_million_associations() -> None:
    """Started in under 30 seconds and held, both directions, in under 2 GiB."""
    figures = call_apart(scale, 1_000_000)
    assert figures["associations"] >= 10_000_000
    assert figures["start"] < 30
    assert figures["megabytes_turned"] < 2048
