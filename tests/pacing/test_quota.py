"""Quotas by plan, and what headers and 429s say."""

import pytest

from hubassoc_async import UsageError
from hubassoc_async.pacing import TIERS, Quota, Quotas, quotas_of
from hubassoc_async.protocol.message import Request, Response
from hubassoc_async.protocol.quota import RateSignal, bucket_of, signal_of


def test_plans_are_known_by_name_and_any_quota_can_be_given() -> None:
    """A name, text, a quota, or one a bucket."""
    assert quotas_of("enterprise").associations == Quota(150, 10)
    assert quotas_of("professional+addon").general == Quota(250, 10)
    assert quotas_of("oauth").general == Quota(110, 10)
    assert quotas_of("19/1.5").associations == Quota(19, 1.5)
    assert quotas_of(Quota(7, 1)).search == Quota(5, 1)
    mine = Quotas(associations=Quota(3, 1))
    assert quotas_of(mine) is mine
    assert all(tier.associations.limit <= tier.general.limit for tier in TIERS.values())
    with pytest.raises(UsageError, match="nor is it one of free, professional"):
        quotas_of("gold")


@pytest.mark.parametrize(
    ("path", "bucket"),
    [
        ("/crm/associations/2026-03/0-1/0-2/batch/read", "associations"),
        ("/crm/v4/associations/0-1/0-2/batch/create", "associations"),
        ("/crm/associations/v4/0-1/0-2/labels", "associations"),
        ("/crm/associations/2026-09/definitions/configurations/all", "associations"),
        ("/crm/v4/objects/contacts/1/associations/companies", "general"),
        ("/crm/objects/2026-03/contacts/1/associations/companies", "general"),
        ("/crm/v3/objects/contacts/search", "search"),
    ],
)
def test_a_request_draws_on_the_bucket_of_its_path(path: str, bucket: str) -> None:
    """Batch operations, labels and limits; one record; searches."""
    assert bucket_of(Request("POST", path)) == bucket


def test_headers_are_read_where_they_make_sense() -> None:
    """Whole numbers, and nothing else."""
    said = {
        "x-hubspot-ratelimit-max": "190",
        "x-hubspot-ratelimit-remaining": "12",
        "x-hubspot-ratelimit-interval-milliseconds": "10000",
        "x-hubspot-ratelimit-daily": "650000",
        "x-hubspot-ratelimit-daily-remaining": "-3",
    }
    assert signal_of(Response(200, said)) == RateSignal(
        limit=190, remaining=12, seconds=10.0, daily=650_000, daily_remaining=None
    )
    assert signal_of(Response(200, {})) == RateSignal()
    junk = dict.fromkeys(said, "9" * 40)
    assert signal_of(Response(200, junk)) == RateSignal()
    zero = dict.fromkeys(said, "0")
    assert signal_of(Response(200, zero)).limit is None


def test_a_429_says_how_long_only_if_it_asks_for_it() -> None:
    """A rolling window asks for nothing, Retry-After does, and Cloudflare bans for long."""
    rolling = b'{"status":"error","policyName":"TEN_SECONDLY_ROLLING","message":"x"}'
    daily = b'{"status":"error","policyName":"DAILY","message":"x"}'
    assert signal_of(Response(429, {}, rolling)) == RateSignal(rejected=True)
    assert signal_of(Response(429, {"retry-after": "4"}, rolling)).wait == 4.0
    assert signal_of(Response(429, {}, b"error code: 1015")).wait == 10.0
    assert signal_of(Response(429, {}, daily)).day_spent
    secondly = signal_of(Response(429, {}, rolling.replace(b"TEN_SECONDLY_ROLLING", b"SECONDLY")))
    assert (secondly.policy_seconds, secondly.wait) == (1.0, 1.0)
    assert not signal_of(Response(503, {}, b"")).rejected
