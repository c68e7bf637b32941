"""Rate limits (facts 3 of docs/emulator.md): windows judged at arrival, and the day's quota."""

import json
from datetime import UTC, datetime
from random import Random
from typing import Any

import pytest

from hubassoc_async.emulator import Limits, Portal, Unknowns
from hubassoc_async.emulator.limits import Window
from tests.emulator.asking import ask, batch, batch_request

LIST = "/crm/objects/2026-03/contact/1/associations/company"


def portal(limits: Limits, **settings: Any) -> Portal:
    """One contact with one company."""
    made = Portal(limits=limits, **settings)
    made.associate("contact", 1, "company", 10)
    return made


def test_a_window_is_exact() -> None:
    """At every arrival, admitted arrivals of the last ten seconds are never more than the limit,
    and one is refused only where they are as many."""
    random = Random(1)
    window, admitted, now = Window(7, 10.0), list[float](), 0.0
    for _ in range(3_000):
        now += random.choice([0.0, 0.1, 1.4, 5.0, 10.0]) * random.random()
        inside = sum(1 for at in admitted if now - 10.0 < at <= now)
        accepted = window.admit(now, rejected_count=False)
        assert accepted == (inside < 7)
        if accepted:
            admitted.append(now)


def test_the_window_rolls() -> None:
    """Ten seconds after an arrival, to the instant, its place is free again."""
    made = portal(Limits(associations=2))
    statuses = [
        batch(made, "read", ["1"], now=t).status for t in (0.0, 4.0, 9.99, 10.0, 13.9, 14.0)
    ]
    assert statuses == [200, 200, 429, 200, 429, 200]


def test_refused_requests_can_count() -> None:
    """Whether they use up the window is a setting."""
    made = portal(Limits(associations=1), unknowns=Unknowns(rejected_count=True))
    assert [batch(made, "read", ["1"], now=t).status for t in (0.0, 9.0, 10.0, 20.5)] == [
        200,
        429,
        429,
        200,
    ]


def test_associations_have_a_bucket_of_their_own() -> None:
    """Batch operations and single-record ones do not use up each other's."""
    made = portal(Limits(general=1, associations=1))
    assert batch(made, "read", ["1"]).status == 200
    assert ask(made, "GET", LIST).status == 200
    assert batch(made, "read", ["1"]).status == 429
    assert ask(made, "GET", LIST).status == 429


def test_the_buckets_can_be_one() -> None:
    """Nobody knows for sure, so it is a setting."""
    made = portal(Limits(general=1), unknowns=Unknowns(associations_bucket="general"))
    assert batch(made, "read", ["1"]).status == 200
    assert ask(made, "GET", LIST).status == 429


@pytest.mark.parametrize(("scope", "status"), [("app", 200), ("account", 429)])
def test_whose_the_bucket_is(scope: Any, status: int) -> None:
    """Two apps' windows are apart, or one, by a setting."""
    made = portal(Limits(associations=1), unknowns=Unknowns(bucket_scope=scope))
    made.add_token("a", app="first")
    made.add_token("b", app="second")
    request = batch_as(made, "a"), batch_as(made, "b")
    assert request == (200, status)


def batch_as(made: Portal, token: str) -> int:
    """The status of a read with a token."""
    headers = {"authorization": f"Bearer {token}"}
    return made.handle(batch_request("read", ["1"]), headers, 0.0).response.status


def test_the_429_of_a_full_window() -> None:
    """Its body in HubSpot's key order, without ``Retry-After``."""
    made = portal(Limits(associations=0))
    response = batch(made, "read", ["1"])
    body = json.loads(response.body)
    assert list(body) == [
        "status",
        "message",
        "errorType",
        "correlationId",
        "policyName",
        "requestId",
    ]
    assert (body["errorType"], body["policyName"]) == ("RATE_LIMIT", "TEN_SECONDLY_ROLLING")
    assert "retry-after" not in response.headers


def test_retry_after_can_be_there() -> None:
    """Undocumented, and a setting."""
    made = portal(Limits(associations=0), unknowns=Unknowns(retry_after=2.5))
    assert batch(made, "read", ["1"]).headers["retry-after"] == "2.5"


def test_the_days_quota_resets_at_midnight_of_the_portal() -> None:
    """Not at midnight UTC."""
    made = portal(
        Limits(associations_daily=1),
        epoch=datetime(2026, 11, 21, 22, 59, 58, tzinfo=UTC),
        time_zone="Europe/Berlin",
    )
    answers = [batch(made, "read", ["1"], now=t) for t in (0.0, 1.0, 2.5, 3.0)]
    assert [a.status for a in answers] == [200, 429, 200, 429]
    assert json.loads(answers[1].body)["policyName"] == "DAILY"


def test_headers_of_general_answers() -> None:
    """Max, remaining, interval in milliseconds, daily, secondly, and a correlation id."""
    made = portal(Limits(general=100, daily=250_000))
    headers = ask(made, "GET", LIST).headers
    wanted = {
        "x-hubspot-ratelimit-max": "100",
        "x-hubspot-ratelimit-remaining": "99",
        "x-hubspot-ratelimit-interval-milliseconds": "10000",
        "x-hubspot-ratelimit-daily": "250000",
        "x-hubspot-ratelimit-daily-remaining": "249999",
        "x-hubspot-ratelimit-secondly": "10",
    }
    assert wanted.items() <= headers.items()
    assert "x-hubspot-correlation-id" in headers


@pytest.mark.parametrize(("setting", "present"), [("none", False), ("all", True)])
def test_headers_of_batch_answers(setting: Any, present: bool) -> None:
    """Nobody knows whether they have any, so it is a setting."""
    made = portal(Limits(associations=9), unknowns=Unknowns(batch_headers=setting))
    assert ("x-hubspot-ratelimit-max" in batch(made, "read", ["1"]).headers) == present


def test_searches_have_five_a_second_for_the_account() -> None:
    """A bucket of their own, whoever asks, with a policy of its own; and no headers."""
    made = portal(Limits(general=100, search=5))
    path = "/crm/objects/2026-03/contacts/search"
    answers = [ask(made, "POST", path, {}, now=0.9 * (i == 5) + i // 6) for i in range(7)]
    assert [answer.status for answer in answers] == [200] * 5 + [429, 200]
    assert json.loads(answers[5].body)["policyName"] == "SECONDLY"
    assert "x-hubspot-ratelimit-max" not in answers[0].headers


def test_the_associations_policy_has_a_name() -> None:
    """Which one, nobody knows: a setting."""
    made = portal(Limits(associations=0), unknowns=Unknowns(associations_policy="ASSOCIATIONS"))
    assert json.loads(batch(made, "read", ["1"]).body)["policyName"] == "ASSOCIATIONS"
