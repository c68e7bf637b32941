"""How much a portal answers: numbers by plan and by bucket.

Knows: the published limits. Does not know: time, turns.
"""

from math import inf
from typing import Literal

from msgspec import Struct

from hubassoc_async.errors import UsageError
from hubassoc_async.protocol.quota import Bucket

Mode = Literal["strict", "adaptive", "off"]
"""strict: no window at the server is overrun, whatever the jitter, while nobody else uses the
quota. adaptive: follows headers and 429s, finds the true limit and leaves room for other apps.
off: no pacing, only pauses."""


class Quota(Struct, frozen=True):
    """So many requests in any window of so many seconds."""

    limit: int = 100
    seconds: float = 10.0

    def __post_init__(self) -> None:
        if self.limit < 1 or not 0 < self.seconds < inf:
            raise UsageError(f"a quota is at least 1 request in more than 0 seconds, not {self}")

    @classmethod
    def parse(cls, text: str) -> "Quota":
        """Read ``100/10``: requests, a slash, seconds. Raises ``UsageError``."""
        try:
            limit, seconds = text.split("/")
            return cls(int(limit), float(seconds))
        except ValueError as error:
            hint = "" if not isinstance(error, UsageError) else f": {error}"
            raise UsageError(f"{text!r} is not a quota such as 100/10{hint}") from None

    def __str__(self) -> str:
        return f"{self.limit}/{self.seconds:g}"


class Quotas(Struct, frozen=True, kw_only=True):
    """A portal's quotas: one a bucket, and requests a day."""

    associations: Quota = Quota()
    general: Quota = Quota()
    search: Quota = Quota(5, 1.0)
    daily: int = 500_000
    """Association requests between two midnights in the portal's time zone."""
    daily_general: int = 250_000
    """All other requests of the account between two midnights."""

    def of(self, bucket: Bucket) -> Quota:
        """The quota of a bucket."""
        found: Quota = getattr(self, bucket)
        return found

    def day(self, bucket: Bucket) -> int:
        """Requests a day of a bucket."""
        return self.daily if bucket == "associations" else self.daily_general


# https://developers.hubspot.com/docs/developer-tooling/platform/usage-guidelines and the
# associations guide of 2026-03-30 (read 2026-08): ten-second and daily limits by plan. Starter is
# as Free. Searches: 5 a second an account, whatever the plan.
TIERS: dict[str, Quotas] = {
    "free": Quotas(),
    "professional": Quotas(associations=Quota(150), general=Quota(190), daily_general=625_000),
    "enterprise": Quotas(associations=Quota(150), general=Quota(190), daily_general=1_000_000),
    "professional+addon": Quotas(
        associations=Quota(200), general=Quota(250), daily=1_000_000, daily_general=1_625_000
    ),
    "enterprise+addon": Quotas(
        associations=Quota(200), general=Quota(250), daily=1_000_000, daily_general=2_000_000
    ),
    # marketplace apps share no general bucket with others; associations stay at the lowest plan's,
    # as the account's plan is not known to the app
    "oauth": Quotas(general=Quota(110)),
}


def quotas_of(given: "Quota | Quotas | str") -> Quotas:
    """Read what a caller gave: a tier's name, ``N/seconds`` for associations, or quotas.

    Raises ``UsageError``.
    """
    if isinstance(given, Quotas):
        return given
    if isinstance(given, Quota):
        return Quotas(associations=given)
    if given in TIERS:
        return TIERS[given]
    try:
        return Quotas(associations=Quota.parse(given))
    except UsageError as error:
        raise UsageError(f"{error}; nor is it one of {', '.join(TIERS)}") from None
