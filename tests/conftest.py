"""What all tests share: options, and the check that no async test leaves anything behind."""

import asyncio
import inspect
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.virtual_time import describe_task, describe_unseen

SPECIFICATIONS = (
    "HubSpot/HubSpot-public-api-spec-collection on GitHub, in PublicApiSpecs/CRM/Associations*"
)

STARTED = pytest.StashKey[float]()
TOLD = "told"
"""The property of a test that is a line for the end of the run."""

_told: list[str] = []


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--openapi=DIR``: HubSpot's published files, which are no part of this project.

    With the equals sign: pytest looks for its settings around whatever stands alone and exists.
    """
    parser.addoption(
        "--openapi",
        type=Path,
        default=None,
        metavar="DIR",
        help=f"judge client and portal by the OpenAPI files in DIR; published in {SPECIFICATIONS}",
    )
    parser.addoption(
        "--slow-budget",
        type=float,
        default=None,
        metavar="SECONDS",
        help="start no further slow test once SECONDS have passed (default: run all selected)",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Start the budget of slow tests."""
    config.stash[STARTED] = time.monotonic()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Let slow tests on a budget take turns: the first portions of all, then the second ones."""
    if config.getoption("--slow-budget") is not None:
        items.sort(key=_portion)


def _portion(item: pytest.Item) -> int:
    """Which portion of a slow test this is, by its parameter of that name."""
    call = getattr(item, "callspec", None)
    return call.params.get("portion", 0) if call is not None else 0


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a slow test for which no time is left."""
    budget = item.config.getoption("--slow-budget")
    spent = time.monotonic() - item.config.stash[STARTED]
    if budget is not None and spent > budget and item.get_closest_marker("slow"):
        pytest.skip(f"the slow tests' {budget:g} s are spent")


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Keep what a test tells, also one that ran in another process."""
    if report.when == "teardown":
        _told.extend(str(line) for name, line in report.user_properties if name == TOLD)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what tests told: numbers that a pass alone does not say."""
    if _told:
        terminalreporter.section("told by tests")
    for line in sorted(_told):
        terminalreporter.write_line(line)


@pytest.fixture(autouse=True)
def leaves_nothing_behind(request: pytest.FixtureRequest) -> None:
    """Hold every async test to it: no task is left, no error unseen.

    Set up before a test's other fixtures and so torn down after them: a server that a fixture
    closes has had its time to end.
    """
    function: Any = getattr(request.node, "obj", None)
    if hasattr(function, "hypothesis"):
        function = function.hypothesis.inner_test
    if inspect.iscoroutinefunction(function):
        request.getfixturevalue("_loop_is_left_clean")


@pytest.fixture
async def _loop_is_left_clean() -> AsyncIterator[None]:
    loop = asyncio.get_running_loop()
    unseen: list[str] = []
    loop.set_exception_handler(lambda _loop, context: unseen.append(describe_unseen(context)))
    yield
    for _ in range(100):  # a closed connection is noticed by the loop's next turns, not at once
        left = asyncio.all_tasks() - {asyncio.current_task()}
        if not left:
            break
        await asyncio.sleep(0.01)
    assert not left, f"left running: {'; '.join(sorted(map(describe_task, left)))}"
    assert not unseen, f"errors that nobody saw: {'; '.join(unseen)}"
