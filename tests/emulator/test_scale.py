"""A portal as large as any that a benchmark reads."""

import json
import subprocess
import sys

import pytest


@pytest.mark.slow
def test_a_million_contacts_with_ten_million_associations() -> None:
    """Started in under 30 seconds and held, both directions, in under 2 GiB."""
    command = [sys.executable, "-m", "benchmarks.emulator", "--scale"]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    figures = json.loads(done.stdout)
    assert figures["associations"] >= 10_000_000
    assert figures["start"] < 30
    assert figures["megabytes_turned"] < 2048
