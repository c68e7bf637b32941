"""A property-based API tester runs HubSpot's own files against the portal (``--openapi DIR``).

No server error, no undeclared status, no other content type, no body that breaks its schema, but
for the differences that ``published_files`` lists.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable

from hubassoc_async.emulator import Portal
from hubassoc_async.emulator.pytest_plugin import Served
from tests.emulator import published_files

EXAMPLES = 4
"""Requests an operation and mode: some five hundred in all."""

FILES = tuple(
    f"{kind}-{version}.json"
    for kind in ("associations", "schema")
    for version in ("v3", "v4", "2025-09", "2026-03", "2026-09")
)


@pytest.fixture(scope="module")
def directory(pytestconfig: pytest.Config) -> Path:
    """Where HubSpot's files are."""
    found: Path | None = pytestconfig.getoption("--openapi")
    if found is None:
        pytest.skip("needs --openapi DIR with HubSpot's files (see --help for where they are)")
    return found


@pytest.fixture(scope="module")
def server() -> Iterator[Served]:
    """A portal with a few records, some of them associated."""
    portal = Portal(log_limit=5)
    for object_type, first in (("contact", 1), ("company", 101), ("deal", 1), ("lead", 1)):
        portal.add_objects(object_type, range(first, first + 5))
    portal.associate("contact", 1, "company", 101, "Primary")
    portal.associate("contact", 1, "company", 102)
    portal.associate("deal", 1, "company", 101)
    served = Served(portal)
    served.start()
    yield served
    served.stop()


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
@pytest.mark.filterwarnings("default")  # of the tester, about itself
def test_nothing_undeclared_and_no_server_error(directory: Path, server: Served, name: str) -> None:
    """Requests that the file allows, and others, for each of its operations."""
    schemathesis: Any = pytest.importorskip("schemathesis")
    checks: Any = pytest.importorskip("schemathesis.checks")
    wanted = [
        checks.not_a_server_error,
        checks.status_code_conformance,
        checks.content_type_conformance,
        checks.response_schema_conformance,
    ]
    schema = schemathesis.openapi.from_dict(published_files.load(directory / name))
    headers = {"Authorization": "Bearer any"}
    server.portal.log.clear()
    asked = 0
    for found in schema.get_all_operations():
        operation = found.ok()
        for mode in schemathesis.GenerationMode:

            @settings(
                max_examples=EXAMPLES,
                deadline=None,
                database=None,
                derandomize=True,
                suppress_health_check=list(HealthCheck),
            )
            @given(case=operation.as_strategy(generation_mode=mode))
            def run(case: Any) -> None:
                nonlocal asked
                response = case.call(base_url=server.url, headers=headers)
                case.validate_response(response, checks=wanted)
                asked += 1

            if mode is schemathesis.GenerationMode.POSITIVE:
                run()
            else:
                with contextlib.suppress(Unsatisfiable):  # every text is right in every part
                    run()
    assert asked >= EXAMPLES
    statuses = server.portal.log.statuses
    assert sum(statuses[good] for good in (200, 201, 204, 207)) > asked / 10, "none got far"


def test_every_file_judges_or_says_why_not(directory: Path) -> None:
    """No published file is passed over in silence."""
    there = {path.name for path in directory.glob("*.json")}
    assert there == set(FILES) | set(published_files.UNSERVED)


def test_every_difference_has_a_reason() -> None:
    """A sentence each."""
    assert all(len(difference.reason) > 30 for difference in published_files.DIFFERENCES)
