"""What headers and 429s say about the quota, and which quota a request draws on.

Knows: header names, paths. Does not know: time, turns, what is done about it.
"""

import re
from typing import Literal

from msgspec import Struct

from hubassoc_async.errors import DailyQuotaSpent
from hubassoc_async.protocol.message import Request, Response
from hubassoc_async.protocol.problem import CLOUDFLARE, problem_of

Bucket = Literal["associations", "general", "search"]

# HubSpot's OpenAPI files exempt batch operations, labels and association limits from the general
# ten-second limit; GET, PUT and DELETE of one record are not exempt (files of 2026-08-21). Both
# kinds have "associations" in their path; the one-record ones stand below /crm/…/objects.
_ONE_RECORD = re.compile(r"/crm/(v\d+/objects|objects/[^/]+)/")


class RateSignal(Struct, frozen=True, kw_only=True):
    """What one answer says about the quota. None: it does not say."""

    limit: int | None = None
    """Requests in a window."""
    remaining: int | None = None
    """Requests left in the window, this one counted."""
    seconds: float | None = None
    """Length of the window."""
    daily: int | None = None
    daily_remaining: int | None = None
    rejected: bool = False
    """Whether the answer is a 429."""
    policy_seconds: float | None = None
    """Window of a 429's limit, where that may be another one: 1 for ``SECONDLY``, 0 for a limit
    without a window, the day's or Cloudflare's ban."""
    day_spent: bool = False
    """Whether it is a 429 of the day's quota."""
    wait: float = 0.0
    """Seconds that a 429 asks to wait. 0: no more than its window needs."""


_NOTHING = RateSignal()
_PREFIX = "x-hubspot-ratelimit-"
_POLICY_SECONDS = {"SECONDLY": 1.0, CLOUDFLARE: 0.0}


def bucket_of(request: Request) -> Bucket:
    """Say which quota a request draws on."""
    if request.path.endswith("/search"):
        return "search"
    return "general" if _ONE_RECORD.match(request.path) else "associations"


def signal_of(response: Response) -> RateSignal:
    """Read an answer's headers, and a 429's body."""
    headers = response.headers
    said = f"{_PREFIX}max" in headers or f"{_PREFIX}daily-remaining" in headers
    if response.status != 429 and not said:
        return _NOTHING
    problem = problem_of(response) if response.status == 429 else None
    policy = problem.sub_category if problem is not None else None
    day_spent = problem is not None and issubclass(problem.error, DailyQuotaSpent)
    policy_seconds = 0.0 if day_spent else _POLICY_SECONDS.get(policy or "")
    # the rolling window asks for no wait of its own; what is not it, or may not be, does
    asks = "retry-after" in headers or policy is None or policy_seconds is not None
    limit = _whole(headers.get(f"{_PREFIX}max"))
    milliseconds = _whole(headers.get(f"{_PREFIX}interval-milliseconds"))
    return RateSignal(
        limit=limit or None,
        remaining=_whole(headers.get(f"{_PREFIX}remaining")),
        seconds=milliseconds / 1000 if milliseconds else None,
        daily=_whole(headers.get(f"{_PREFIX}daily")),
        daily_remaining=_whole(headers.get(f"{_PREFIX}daily-remaining")),
        rejected=problem is not None,
        policy_seconds=policy_seconds,
        day_spent=day_spent,
        wait=problem.wait if problem is not None and asks else 0.0,
    )


def _whole(text: str | None) -> int | None:
    """Read a header's number; anything else is as if it were not there."""
    return (
        int(text)
        if text is not None and text.isascii() and text.isdigit() and len(text) < 16
        else None
    )
