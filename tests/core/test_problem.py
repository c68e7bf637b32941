"""What each answer that is no answer is worth, and what it says."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubassoc_async.errors import (
    ApiError,
    AuthError,
    ConnectError,
    DailyQuotaSpent,
    RateLimited,
    ResponseTimeout,
    ResponseTooLarge,
    ServerError,
    TransportError,
)
from hubassoc_async.protocol.message import Response
from hubassoc_async.protocol.problem import CLOUDFLARE, Remedy, problem_of, transport_problem


def answer(status: int, body: object = None, **headers: str) -> Response:
    raw = body if isinstance(body, bytes) else json.dumps(body or {}).encode()
    return Response(status, {name.replace("_", "-"): value for name, value in headers.items()}, raw)


@pytest.mark.parametrize("status", [200, 201, 202, 204, 207])
def test_the_body_of_any_2xx_is_the_judge(status: int) -> None:
    """Success statuses are not the contract."""
    assert problem_of(answer(status)) is None


@pytest.mark.parametrize(
    ("status", "remedy", "error"),
    [
        *((status, Remedy.RETRY, ServerError) for status in (408, 500, 502, 503, 504)),
        *((status, Remedy.RETRY, ServerError) for status in range(520, 527)),
        *((status, Remedy.NARROW, ApiError) for status in (400, 413, 422)),
        *((status, Remedy.STOP, AuthError) for status in (401, 403)),
        *((status, Remedy.STOP, ApiError) for status in (301, 302, 307, 404, 405, 415)),
        *((status, Remedy.WAIT, ServerError) for status in (423, 477)),
        (429, Remedy.WAIT, RateLimited),
    ],
)
def test_each_status_has_its_remedy(status: int, remedy: Remedy, error: type) -> None:
    """Retried, waited for, narrowed, or the end."""
    problem = problem_of(answer(status))
    assert problem is not None
    assert (problem.remedy, problem.error, problem.status) == (remedy, error, status)


@pytest.mark.parametrize(
    ("policy", "remedy"),
    [("TEN_SECONDLY_ROLLING", Remedy.WAIT), ("SECONDLY", Remedy.WAIT), ("DAILY", Remedy.STOP)],
)
def test_a_429_is_judged_by_its_policy(policy: str, remedy: Remedy) -> None:
    """Waiting seconds cannot help against a spent day."""
    body = {"errorType": "RATE_LIMIT", "policyName": policy, "message": "too many"}
    problem = problem_of(answer(429, body))
    assert problem is not None
    assert problem.remedy is remedy
    assert problem.pauses_all
    assert isinstance(problem.exception(), DailyQuotaSpent) is (policy == "DAILY")
    assert "too many" in problem.message


@pytest.mark.parametrize(
    ("header", "least", "most"),
    [("7", 7, 7), ("0.5", 1, 1), ("86400", 60, 60), ("garbage", 1, 1), ("-3", 1, 1), ("", 1, 1)],
)
def test_retry_after_on_a_429_is_taken_but_clamped(header: str, least: float, most: float) -> None:
    """It is undocumented there, so a wild one must not hang the work."""
    problem = problem_of(answer(429, retry_after=header))
    assert problem is not None
    assert least <= problem.wait <= most


def test_retry_after_may_be_a_date_beside_the_answers_own() -> None:
    """The server's clock is compared with itself, never with ours."""
    date, later = "Sat, 21 Nov 2026 12:00:00 GMT", "Sat, 21 Nov 2026 12:05:00 GMT"
    problem = problem_of(answer(477, retry_after=later, date=date))
    assert problem is not None
    assert problem.wait == 300


def test_locked_and_migrating_accounts_are_waited_for() -> None:
    """423 for at least two seconds, 477 for as long as it says."""
    locked, moving = problem_of(answer(423)), problem_of(answer(477, retry_after="3600"))
    assert locked is not None
    assert moving is not None
    assert (locked.wait, moving.wait) == (2.0, 3600.0)
    assert moving.pauses_all
    assert not locked.pauses_all


def test_cloudflares_ban_is_longer_than_hubspots_window() -> None:
    """``error code: 1015`` comes as plain text, or as JSON where that is accepted."""
    problem = problem_of(answer(429, b"error code: 1015"))
    assert problem is not None
    assert problem.wait >= 10
    assert "1015" in problem.message
    asked_for_json = {"title": "Error 1015", "error_code": 1015, "retry_after": 30}
    problem = problem_of(answer(429, asked_for_json))
    assert problem is not None
    assert (problem.wait, problem.sub_category) == (30, CLOUDFLARE)
    hubspots = problem_of(answer(429, {"message": "slow down", "correlationId": "a1015b"}))
    assert hubspots is not None
    assert (hubspots.wait, hubspots.sub_category) == (1.0, None)


def test_a_403_names_the_scopes_that_are_missing() -> None:
    """So that whoever made the token knows what to tick."""
    context = {"requiredGranularScopes": ["crm.objects.deals.read"], "requiredScopes": ["deals"]}
    body = {"category": "MISSING_SCOPES", "message": "no", "errors": [{"context": context}]}
    problem = problem_of(answer(403, body))
    assert problem is not None
    assert "crm.objects.deals.read" in str(problem.exception())
    assert "deals" in str(problem.exception())
    assert problem.exception().category == "MISSING_SCOPES"  # type: ignore[attr-defined]


def test_a_wild_date_in_retry_after_is_as_good_as_none() -> None:
    """It must not stop the work by an error of its own."""
    wild = "Mon, 01 Jan 99999999999999999999 00:00:00 GMT"
    problem = problem_of(answer(429, retry_after=wild, date="Sat, 21 Nov 2026 12:00:00 GMT"))
    assert problem is not None
    assert problem.wait == 1


def test_a_body_of_title_tags_is_not_looked_through() -> None:
    """Only the start of a page is searched: a megabyte of ``<title`` would hold the loop up."""
    problem = problem_of(answer(502, b"<title" * 200_000 + b"><title>late</title>"))
    assert problem is not None
    assert "late" not in problem.message


def test_html_is_told_by_its_title() -> None:
    """Not by a page of markup."""
    page = b"<html><head><title>502 Bad Gateway</title></head>" + b"x" * 9999
    problem = problem_of(answer(502, page))
    assert problem is not None
    assert problem.message == "HTTP 502: 502 Bad Gateway"


@given(st.integers(300, 599), st.binary(max_size=80), st.text(max_size=20))
def test_no_error_body_is_too_odd(status: int, body: bytes, retry_after: str) -> None:
    """Every field of an error body is optional, and so is its being JSON."""
    problem = problem_of(Response(status, {"retry-after": retry_after}, body))
    assert problem is not None
    assert str(status) in str(problem.exception())


def test_transport_failures_have_their_remedies() -> None:
    """Nothing sent: wait and stop. Perhaps the inputs: halve. Too many bytes: halve at once."""
    remedies = {
        ConnectError("x"): Remedy.WAIT,
        ResponseTimeout("x"): Remedy.RETRY,
        TransportError("x"): Remedy.RETRY,
        ResponseTooLarge("x"): Remedy.NARROW,
    }
    for error, remedy in remedies.items():
        problem = transport_problem(error)
        assert problem.remedy is remedy
        assert type(problem.exception()) is type(error)
