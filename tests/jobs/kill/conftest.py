"""Where killed jobs are, and the numbers of their deaths at the end of a run."""

import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.jobs.kill.killing import tally
from tests.jobs.sync_worlds import IN_MEMORY


@pytest.fixture
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """Where jobs are: in memory, where nothing takes long; on the disk where there is time."""
    if request.node.get_closest_marker("slow"):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir=IN_MEMORY) as folder:
        yield Path(folder)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many processes were killed, when, and how much of their job was done."""
    if tally:
        terminalreporter.section("processes killed")
    for kind, deaths in tally.items():
        quarters = Counter(min(3, int(death.done * 4)) for death in deaths)
        done = " ".join(f"{quarters[quarter]:3}" for quarter in range(4))
        when = ", ".join(
            f"{trigger} {number}"
            for trigger, number in Counter(death.trigger for death in deaths).most_common()
        )
        terminalreporter.write_line(f"{kind:24}{len(deaths):4}  by quarter done {done}  {when}")
