"""Where killed jobs are, and what their test tells of their deaths."""

import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import TOLD
from tests.jobs.kill.killing import Death, tally
from tests.jobs.sync_worlds import IN_MEMORY


@pytest.fixture
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """Where jobs are: in memory, where nothing takes long; on the disk where there is time."""
    if request.node.get_closest_marker("slow"):
        yield tmp_path
    else:
        with tempfile.TemporaryDirectory(dir=IN_MEMORY) as folder:
            yield Path(folder)
    while tally:
        request.node.user_properties.append((TOLD, _summary(*tally.popitem())))


def _summary(kind: str, deaths: list[Death]) -> str:
    """How many processes were killed, when, and how much of their job was done."""
    quarters = Counter(min(3, int(death.done * 4)) for death in deaths)
    done = " ".join(f"{quarters[quarter]:3}" for quarter in range(4))
    when = ", ".join(
        f"{trigger} {number}"
        for trigger, number in Counter(death.trigger for death in deaths).most_common()
    )
    return f"{kind:24}{len(deaths):4} killed, by quarter done {done}  {when}"
