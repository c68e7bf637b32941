"""Sinks of a job, killed at every step of their own: what is there in the end is whole."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.jobs.stores import CHUNKS, KINDS, left_beside, rows_in, rows_of, target_of

ROOT = Path(__file__).parents[2]
SOME = 6
"""Steps at which one export each is killed; where there is time, all of them."""


def die(target: str, folder: Path, steps: str) -> list[str]:
    """Kill exports at some steps, and let each be gone on with; which steps, and "all" of them."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.jobs.dying", target, folder, steps],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=250,
    )
    assert done.returncode == 0, done.stderr
    return ["all", *done.stdout.split()]


def check(target: str, n: object) -> None:
    """See that all of it is there, once, and nothing else."""
    name = target.format(n=n)
    assert rows_in(name) == rows_of(CHUNKS), f"killed at step {n}"
    assert left_beside(name) == [], f"killed at step {n}"


@pytest.fixture(params=KINDS)
def target(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Targets of a kind, one for each number: {n}."""
    kind = request.param
    url = request.getfixturevalue("postgres_url") if kind == "postgres" else None
    (tmp_path / "marks").mkdir()
    return target_of(kind, tmp_path, url and url.replace("{", ""), "links_{n}")


def test_killed_at_some_steps(target: str, tmp_path: Path) -> None:
    """Spread over all of an export, and always the first and the last."""
    for n in die(target, tmp_path / "marks", str(SOME)):
        check(target, n)


@pytest.mark.slow
@pytest.mark.parametrize("portion", range(4))
def test_killed_at_every_step(portion: int, target: str, tmp_path: Path) -> None:
    """Every one of them, in portions; steps of which one is like the next are taken by threes."""
    for n in die(target, tmp_path / "marks", f"{1 + portion * 3}:12"):
        check(target, n)
