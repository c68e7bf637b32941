"""Every knob of a portal: the plan's limits, and a switch for each thing nobody knows.

Knows: names, defaults and reasons. Does not know: what is made of them.
"""

from typing import Literal

from msgspec import Struct

TEN_SECONDS = 10.0


class Limits(Struct, frozen=True):
    """How much a portal answers before it says 429. None is without limit."""

    general: int | None = None
    """Requests of one app in any ten seconds."""
    associations: int | None = None
    """The same for associations, labels and association limits: a bucket of their own."""
    search: int | None = None
    """Searches of the whole account in any second."""
    window: float = TEN_SECONDS
    """Length in seconds of the rolling window of ``general`` and ``associations``."""
    daily: int | None = None
    """Requests of the account between two midnights in the portal's time zone."""
    associations_daily: int | None = None


TIERS: dict[str, Limits] = {
    "free": Limits(100, 100, 5, TEN_SECONDS, 250_000, 500_000),
    "professional": Limits(190, 150, 5, TEN_SECONDS, 625_000, 500_000),
    "enterprise": Limits(190, 150, 5, TEN_SECONDS, 1_000_000, 500_000),
    "addon": Limits(250, 200, 5, TEN_SECONDS, 2_000_000, 1_000_000),
    "unlimited": Limits(),
}
"""Limits by plan. https://developers.hubspot.com/docs/developer-tooling/platform/usage-guidelines
and the associations guide of 2026-03-30 (read 2026-08)."""


class Unknowns(Struct, frozen=True, kw_only=True):
    """What nobody has seen, or what differs from answer to answer: each way is a setting."""

    page_size_v3: int = 100
    page_size: int = 500
    """Associations on a page of v4 and the dated versions; 600 and more have been reported."""
    object_ids: Literal["integer", "string"] = "integer"
    """How ``toObjectId`` and ``fromObjectId`` are written: published as string, seen as integer."""
    result_order: Literal["reversed", "asked", "shuffled"] = "reversed"
    """``results`` has no promised order, so the default is never that of ``inputs``."""
    last_page: Literal["absent", "null", "prev"] = "absent"
    """What ``paging`` is on the last page: missing, null, or an object with a null ``prev``."""
    cursor_encoding: Literal["percent", "plain"] = "percent"
    """Whether ``after`` is percent-encoded inside the JSON."""
    cursor_order: Literal["type", "id"] = "type"
    """Whether a record's pages go by (type, id) or by id with its types together."""
    stale_cursor: Literal["refused", "continued"] = "refused"
    """What a cursor means whose association has been removed since."""
    duplicate_ids: Literal["once", "each"] = "once"
    """How often an id that is twice in one read is answered."""
    duplicate_pairs: Literal["last", "union"] = "last"
    """Which labels a pair gets that is twice in one create."""
    too_many_inputs: Literal[400, 413] = 400
    bad_type: Literal["canceled", "item", "request"] = "canceled"
    """What one impossible association type does to a batch create."""
    cap_error: Literal["item", "request"] = "item"
    """Where an association limit that is exceeded is reported."""
    record_cap: int | None = None
    """Most records of one type that one record may be associated with. None: as many as you like;
    HubSpot's own cap differs by plan and object type."""
    default_results: Literal["both", "one"] = "both"
    """Which directions the answer of an associate by default lists; both are written anyway."""
    v3_companies: Literal["primary", "all"] = "primary"
    """Which companies v3 lists."""
    dated_archive: Literal["batch", "empty"] = "batch"
    """The dated versions' archive: 200 with a batch body, or 204."""
    associations_bucket: Literal["own", "general"] = "own"
    """Which bucket batch operations draw on."""
    bucket_scope: Literal["app", "account"] = "app"
    """Whose the associations bucket is."""
    associations_policy: str = "TEN_SECONDLY_ROLLING"
    """``policyName`` of a 429 from the associations bucket."""
    batch_headers: Literal["none", "all"] = "none"
    """Whether association batch answers have rate-limit headers."""
    report_time: Literal["object", "text"] = "object"
    """How a usage report writes ``enqueueTime``: an object as HubSpot's files of 2026-08-21 have
    it, or ISO 8601 as HubSpot's SDK 12.0.0 expects it."""
    retry_after: float | None = None
    """Seconds that a 429 has in ``Retry-After``; None: no such header."""
    rejected_count: bool = False
    """Whether refused requests use up the window."""
