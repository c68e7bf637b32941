"""Both peers against HubSpot's own files, with ``pytest --openapi=DIR``.

The client's requests must be as published; so must the portal's answers, but for the differences
listed in ``allowances``. Each of those must be met: one that is not is stale.
"""

import json
import re
from pathlib import Path

import pytest

from hubassoc_async.protocol.message import Request, Response
from hubassoc_async.protocol.versions import VERSIONS
from tests.conftest import SPECIFICATIONS
from tests.openapi.allowances import ALLOWANCES, UNPUBLISHED_PATHS, Allowance
from tests.openapi.judge import Difference, Judge
from tests.openapi.scenes import Exchange, everything

pytestmark = pytest.mark.filterwarnings("ignore:API v3 lists only the primary company")


@pytest.fixture(scope="module")
def judge(request: pytest.FixtureRequest) -> Judge:
    """Read the published files, or skip."""
    folder = request.config.getoption("--openapi")
    if folder is None:
        pytest.skip(f"needs --openapi=DIR with HubSpot's files, published in {SPECIFICATIONS}")
    assert isinstance(folder, Path)
    assert folder.is_dir(), f"--openapi {folder} is no folder"
    return Judge(folder)


@pytest.fixture(scope="module")
def exchanges(judge: Judge) -> list[Exchange]:
    """Play every scene once."""
    assert judge.operations
    return everything()


@pytest.fixture(scope="module")
def answered(judge: Judge, exchanges: list[Exchange]) -> set[Difference]:
    """Judge every response."""
    return {
        difference
        for each in exchanges
        for difference in judge.response(each.request, each.response)
    }


def test_the_files_know_every_version(judge: Judge) -> None:
    """The folder has a batch read of each version, so that no judgement is skipped unseen."""
    names = {operation.name for operation in judge.operations}
    assert {f"{version} POST batch/read" for version in VERSIONS} <= names
    assert {f"{version} POST batch/create" for version in VERSIONS} <= names


def test_every_request_of_the_client_is_published(judge: Judge, exchanges: list[Exchange]) -> None:
    """Each request of the client has a published path, published parameters and body."""
    sent = [each.request for each in exchanges if each.by_client]
    assert len(sent) > len(VERSIONS)
    for request in sent:
        if not any(
            re.fullmatch(pattern, f"{request.method} {request.path}")
            for pattern in UNPUBLISHED_PATHS
        ):
            assert not judge.request(request), request


@pytest.mark.parametrize("pattern", UNPUBLISHED_PATHS)
def test_an_unpublished_path_is_used_and_still_unpublished(
    judge: Judge, exchanges: list[Exchange], pattern: str
) -> None:
    """A path listed as unpublished is one that the client uses and that no file has."""
    used = [
        each.request
        for each in exchanges
        if each.by_client and re.fullmatch(pattern, f"{each.request.method} {each.request.path}")
    ]
    assert used
    assert not any(judge.find(request) for request in used)


def test_every_response_of_the_portal_is_published(answered: set[Difference]) -> None:
    """Each answer of the portal is as published, but for the differences that are listed."""
    unexplained = {
        difference
        for difference in answered
        if not any(allowance.covers(difference) for allowance in ALLOWANCES)
    }
    assert not unexplained


@pytest.mark.parametrize(
    "allowance", ALLOWANCES, ids=lambda one: f"{one.operation or 'any'} {one.where}"
)
def test_an_allowance_is_needed(answered: set[Difference], allowance: Allowance) -> None:
    """A listed difference is met in the portal's answers; one that is not is stale."""
    assert any(allowance.covers(difference) for difference in answered)


READ = "/crm/associations/2026-03/contacts/companies/batch/read"
GOOD = {
    "status": "COMPLETE",
    "startedAt": "2026-11-21T10:00:00Z",
    "completedAt": "2026-11-21T10:00:00Z",
    "results": [{"from": {"id": "1"}, "to": [{"toObjectId": "2", "associationTypes": []}]}],
}


@pytest.mark.parametrize(
    ("change", "where", "what"),
    [
        ({"status": "DONE"}, "status", "not the enum"),
        ({"results": None}, "results", "NoneType, not array"),
        ({"surprise": 1}, "surprise", "unpublished"),
        ({"startedAt": "yesterday"}, "startedAt", "not the format"),
        ({"results": [{"from": {"id": 1}, "to": []}]}, "results[].from.id", "int, not string"),
        ({"results": [{"to": []}]}, "results[].from", "absent"),
    ],
)
def test_the_judge_sees_what_is_wrong(
    judge: Judge, change: dict[str, object], where: str, what: str
) -> None:
    """A right answer has no difference, and each way of spoiling it is named with its place."""
    request = Request("POST", READ, body=b'{"inputs":[{"id":"1"}]}')
    assert not judge.request(request)
    assert not judge.response(request, Response(200, {}, json.dumps(GOOD).encode()))
    (seen,) = judge.response(request, Response(200, {}, json.dumps({**GOOD, **change}).encode()))
    assert (seen.status, seen.where) == (200, where)
    assert seen.what.startswith(what)


@pytest.mark.parametrize(
    ("request_", "where"),
    [
        (Request("POST", READ, body=b'{"inputs":[{"id":1}]}'), "inputs[].id"),
        (
            Request("POST", READ, body=b'{"inputs":[{"id":"1","archived":true}]}'),
            "inputs[].archived",
        ),
        (Request("POST", READ, body=b"{}"), "inputs"),
        (Request("POST", READ, "limit=1", b'{"inputs":[]}'), "query.limit"),
        (Request("POST", f"{READ}/all", body=b'{"inputs":[]}'), "path"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_judge_sees_a_wrong_request(judge: Judge, request_: Request, where: str) -> None:
    """A request with a wrong body, parameter or path is named with its place."""
    assert {difference.where for difference in judge.request(request_)} == {where}
