"""How much a portal answers: rolling windows judged at arrival, and the day's quota.

Knows: buckets, headers, the bodies of 429. Does not know: operations, tokens.
"""

from collections import deque
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo

from msgspec import Struct

from hubassoc_async.emulator.bodies import dumps, json_response
from hubassoc_async.emulator.settings import Limits, Unknowns
from hubassoc_async.protocol.message import Response

DAILY = "DAILY"
SECONDLY = "SECONDLY"
ROLLING = "TEN_SECONDLY_ROLLING"


class Window:
    """At most ``limit`` arrivals in any ``span`` seconds: in (t - span, t] for every t."""

    def __init__(self, limit: int, span: float) -> None:
        self.limit = limit
        self.span = span
        self._arrivals: deque[float] = deque()

    def used(self, now: float) -> int:
        """Arrivals that count now."""
        arrivals = self._arrivals
        while arrivals and arrivals[0] <= now - self.span:
            arrivals.popleft()
        return len(arrivals)

    def admit(self, now: float, *, rejected_count: bool) -> bool:
        """Judge an arrival."""
        admitted = self.used(now) < self.limit
        if admitted or rejected_count:
            self._arrivals.append(now)
        return admitted


class Judgement(Struct, frozen=True):
    """What became of an arrival."""

    policy: str | None
    """None: admitted. Otherwise the limit that was reached."""
    headers: dict[str, str]


def _zone(name: str) -> tzinfo:
    if name == "UTC":
        return UTC  # also where no time-zone data is installed
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError) as error:
        raise ValueError(f"unknown time zone {name!r}: use one such as Europe/Berlin") from error


class Governor:
    """Every limit of one portal."""

    def __init__(self, limits: Limits, unknowns: Unknowns, epoch: datetime, time_zone: str) -> None:
        self.limits = limits
        self.unknowns = unknowns
        self._epoch = epoch.timestamp()
        self._zone = _zone(time_zone)
        self._windows: dict[tuple[str, str], Window] = {}
        self._spent: dict[str, int] = {}
        self._day = (0.0, 0.0)

    def judge(self, bucket: str, app: str, now: float, *, oauth: bool) -> Judgement:
        """Judge an arrival and say what its answer's headers are."""
        window, policy = self._window(bucket, app)
        spent = self._spent_today(bucket, now)
        daily = self.limits.associations_daily if bucket == "associations" else self.limits.daily
        refused = None
        if window is not None and not window.admit(
            now, rejected_count=self.unknowns.rejected_count
        ):
            refused = policy
        elif daily is not None and spent >= daily:
            refused = DAILY
        else:
            self._spent[bucket] = spent + 1
        headers = self._headers(bucket, window, now, oauth=oauth)
        if refused is not None and self.unknowns.retry_after is not None:
            headers["retry-after"] = f"{self.unknowns.retry_after:g}"
        return Judgement(refused, headers)

    def forget(self) -> None:
        """Start every window and the day's quota afresh."""
        self._windows.clear()
        self._spent.clear()

    def used(self, now: float) -> dict[str, tuple[int, int, float]]:
        """By bucket and app: arrivals that count now, the limit, and the window's seconds."""
        return {
            f"{bucket} {app}".strip(): (window.used(now), window.limit, window.span)
            for (bucket, app), window in self._windows.items()
        }

    def spent(self, now: float) -> dict[str, int]:
        """Requests of this day by bucket."""
        self._spent_today("general", now)
        return dict(self._spent)

    def _window(self, bucket: str, app: str) -> tuple[Window | None, str]:
        limits, unknowns = self.limits, self.unknowns
        if bucket == "associations" and unknowns.associations_bucket == "general":
            bucket = "general"
        if bucket == "search":
            limit, span, policy, scope = limits.search, 1.0, SECONDLY, ""
        elif bucket == "associations":
            scope = app if unknowns.bucket_scope == "app" else ""
            limit, span, policy = limits.associations, limits.window, unknowns.associations_policy
        else:
            limit, span, policy, scope = limits.general, limits.window, ROLLING, app
        if limit is None:
            return None, policy
        window = self._windows.get((bucket, scope))
        if window is None:
            window = self._windows[bucket, scope] = Window(limit, span)
        return window, policy

    def _spent_today(self, bucket: str, now: float) -> int:
        start, end = self._day
        if not start <= now < end:
            self._day = self._find_day(now)
            self._spent.clear()
        return self._spent.get(bucket, 0)

    def _find_day(self, now: float) -> tuple[float, float]:
        """The day a moment is in, from midnight to midnight in the portal's time zone."""
        local = datetime.fromtimestamp(self._epoch + now, self._zone)
        midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
        tomorrow = datetime.fromordinal(midnight.toordinal() + 1).replace(tzinfo=self._zone)
        return midnight.timestamp() - self._epoch, tomorrow.timestamp() - self._epoch

    def _headers(
        self, bucket: str, window: Window | None, now: float, *, oauth: bool
    ) -> dict[str, str]:
        """Nearly every answer has all; OAuth ones lack the daily two; searches have none.

        Seen live; whether association batch answers have them is unknown, hence the switch.
        """
        if bucket == "search" or window is None:
            return {}
        if bucket == "associations" and self.unknowns.batch_headers == "none":
            return {}
        left = str(max(0, window.limit - window.used(now)))
        headers = {
            "x-hubspot-ratelimit-max": str(window.limit),
            "x-hubspot-ratelimit-remaining": left,
            "x-hubspot-ratelimit-interval-milliseconds": f"{window.span * 1000:.0f}",
            "x-hubspot-ratelimit-secondly": str(max(1, round(window.limit / window.span))),
            "x-hubspot-ratelimit-secondly-remaining": left,
        }
        daily = self.limits.associations_daily if bucket == "associations" else self.limits.daily
        if daily is not None and not oauth:
            headers["x-hubspot-ratelimit-daily"] = str(daily)
            headers["x-hubspot-ratelimit-daily-remaining"] = str(
                max(0, daily - self._spent.get(bucket, 0))
            )
        return headers


def too_many_requests(policy: str, correlation_id: str) -> Response:
    """A 429: it has ``errorType`` where other errors have ``category``."""
    body = {
        "status": "error",
        "message": f"You have reached your {policy.lower()} limit.",
        "errorType": "RATE_LIMIT",
        "correlationId": correlation_id,
        "policyName": policy,
        "requestId": correlation_id,
    }
    return json_response(429, dumps(body))
