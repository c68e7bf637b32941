"""What went wrong with a request, and what it is worth doing about it.

Knows: statuses, error bodies, 429 policies. Does not know: which inputs were sent, clocks, how
long to wait (``retry`` does).
"""

import email.utils
import re
from enum import Enum
from typing import Any

import msgspec
from msgspec import Struct, field

from hubassoc_async.errors import (
    ApiError,
    AuthError,
    ConnectError,
    DailyQuotaSpent,
    HubAssocError,
    ProtocolError,
    RateLimited,
    ResponseTimeout,
    ResponseTooLarge,
    ServerError,
    TransportError,
)
from hubassoc_async.model import PROTOCOL_ERROR, TRANSPORT_ERROR
from hubassoc_async.protocol.message import Response


class Remedy(Enum):
    """What may help against a problem."""

    RETRY = "ask again; if that keeps failing, the inputs may be the cause: halve them"
    WAIT = "ask again later; the inputs are not the cause, so in the end stop"
    NARROW = "the inputs are the cause: halve them"
    STOP = "nothing the client can do helps"


class Problem(Struct, frozen=True, kw_only=True):
    """Why a request has no usable answer."""

    remedy: Remedy
    error: type[HubAssocError]
    """What to raise when it stops the work."""
    category: str
    message: str
    sub_category: str | None = None
    correlation_id: str | None = None
    status: int | None = None
    wait: float = 0.0
    """Seconds that HubSpot asks for, or that are known to be the least that helps."""
    pauses_all: bool = False
    """Whether it concerns every request of the client, not this one."""
    attempts: int = 1
    """How often the request was sent."""

    @property
    def transient(self) -> bool:
        """Whether the very same request may well be answered later."""
        return self.remedy in (Remedy.RETRY, Remedy.WAIT)

    @property
    def lessons(self) -> int:
        """How often it takes to blame it on the size of batches: a refusal once, a time-out twice.

        0: it has nothing to do with size.
        """
        if self.remedy is Remedy.NARROW:
            return 1
        return 2 if self.error is ResponseTimeout or self.status in _TOO_SLOW_STATUSES else 0

    def exception(self) -> HubAssocError:
        """Make the exception that stops the work."""
        if issubclass(self.error, ApiError):
            return self.error(
                self.message,
                status=self.status,
                category=self.category,
                sub_category=self.sub_category,
                correlation_id=self.correlation_id,
            )
        return self.error(self.message)


# 477: an account moves between data centres. https://developers.hubspot.com/docs (read 2026-08)
_MIGRATION = 477
_WAIT_STATUSES = {423, _MIGRATION}
_RETRY_STATUSES = {408, 500, 502, 503, 504, *range(520, 527)}
_NARROW_STATUSES = {400, 413, 422}
_TOO_SLOW_STATUSES = {408, 504}
_LOCKED_WAIT = 2.0  # 423 asks for at least two seconds
_MIGRATION_WAIT = 60.0  # 477 without Retry-After
_MOST_RATE_LIMIT_WAIT = 60.0  # Retry-After on a 429 is undocumented: a wild one must not hang us

# Least wait after a 429, by policyName: the window rolls, so a tenth of it frees a tenth of the
# quota. Cloudflare's 1015 is a ban of its own, of tens of seconds.
CLOUDFLARE = "CLOUDFLARE_1015"
"""In the place of a ``policyName``, which Cloudflare's plain ``error code: 1015`` has not."""
_CLOUDFLARE_BAN = 1015
_POLICY_WAIT = {"TEN_SECONDLY_ROLLING": 1.0, "SECONDLY": 1.0, CLOUDFLARE: 10.0}
_UNNAMED_POLICY_WAIT = 1.0

# 400s that no halving can help: the path is wrong, not an input.
_BAD_PATH = re.compile(
    r"unable to infer object type|invalid object or event type id", re.IGNORECASE
)
_MOST_TEXT = 4096  # bytes of a body without JSON that are looked through for a title
_TITLE = re.compile(rb"<title[^<>]*>([^<]{1,200})", re.IGNORECASE)


class _Body(Struct, rename="camel"):
    message: Any = None
    category: Any = None
    sub_category: Any = None
    correlation_id: Any = None
    policy_name: Any = None
    errors: Any = None
    # Cloudflare's own words: JSON for who accepts it since 2026-03-11, text for others
    error_code: Any = field(default=None, name="error_code")
    retry_after: Any = field(default=None, name="retry_after")


_decode_body = msgspec.json.Decoder(_Body).decode
_NOTHING = _Body()


def problem_of(response: Response) -> Problem | None:
    """Say what is wrong with a response as a whole; None for a 2xx, whose body is the judge."""
    status = response.status
    if 200 <= status < 300:
        return None
    body = _body(response)
    if status == 429:
        return _rate_limited(response, body)
    message = _message(response, body)
    remedy, error, wait, pauses_all = Remedy.STOP, ApiError, 0.0, False
    if status in (401, 403):
        error = AuthError
        message += _missing_scopes(body)
    elif status in _WAIT_STATUSES:
        remedy, error = Remedy.WAIT, ServerError
        least = _LOCKED_WAIT if status != _MIGRATION else 0.0
        asked = _retry_after(response)
        wait = max(least, _MIGRATION_WAIT if asked is None and not least else asked or 0.0)
        pauses_all = status == _MIGRATION
    elif status in _RETRY_STATUSES:
        remedy, error = Remedy.RETRY, ServerError
        wait = min(_retry_after(response) or 0.0, _MOST_RATE_LIMIT_WAIT)
    elif status in _NARROW_STATUSES and not _BAD_PATH.search(message):
        remedy = Remedy.NARROW
    return Problem(
        remedy=remedy,
        error=error,
        category=_str(body.category) or f"HTTP_{status}",
        sub_category=_str(body.sub_category),
        correlation_id=_correlation_id(response, body),
        message=message,
        status=status,
        wait=wait,
        pauses_all=pauses_all,
    )


def transport_problem(error: TransportError) -> Problem:
    """Say what a request without an answer is worth."""
    if isinstance(error, ResponseTooLarge):
        remedy = Remedy.NARROW
    else:
        remedy = Remedy.WAIT if isinstance(error, ConnectError) else Remedy.RETRY
    kinds = (ConnectError, ResponseTimeout, ResponseTooLarge, TransportError)
    kind = next(kind for kind in kinds if isinstance(error, kind))
    return Problem(remedy=remedy, error=kind, category=TRANSPORT_ERROR, message=str(error))


def protocol_problem(message: str, response: Response) -> Problem:
    """Say what a 2xx whose body is not an answer is worth."""
    return Problem(
        remedy=Remedy.RETRY,
        error=ProtocolError,
        category=PROTOCOL_ERROR,
        message=message,
        status=response.status,
        correlation_id=response.headers.get("x-hubspot-correlation-id"),
    )


def _rate_limited(response: Response, body: _Body) -> Problem:
    policy = _str(body.policy_name)
    banned = body is _NOTHING and b"1015" in response.body[:1000]  # JSON has it in ids by chance
    if banned or body.error_code == _CLOUDFLARE_BAN:
        policy = CLOUDFLARE
    daily = policy is not None and "DAILY" in policy.upper()
    least = _POLICY_WAIT.get(policy or "", _UNNAMED_POLICY_WAIT)
    said = body.retry_after if isinstance(body.retry_after, int | float) else 0.0
    asked = min(_retry_after(response) or said, _MOST_RATE_LIMIT_WAIT)
    return Problem(
        remedy=Remedy.STOP if daily else Remedy.WAIT,
        error=DailyQuotaSpent if daily else RateLimited,
        category="RATE_LIMIT",
        sub_category=policy,
        correlation_id=_correlation_id(response, body),
        message=_message(response, body),
        status=429,
        wait=max(least, asked),
        pauses_all=True,
    )


def _body(response: Response) -> _Body:
    try:
        return _decode_body(response.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _NOTHING


def _message(response: Response, body: _Body) -> str:
    """``503: what the body says``: its message, its HTML title, or the start of its text."""
    status = response.status
    if text := _str(body.message):
        return f"HTTP {status}: {text[:1000]}"
    if 300 <= status < 400:
        return (
            f"HTTP {status}: a redirect, which is not followed: is the base URL right?"
            " The token goes to no other host"
        )
    if title := _TITLE.search(response.body[:_MOST_TEXT]):
        return f"HTTP {status}: {title[1].decode('utf-8', 'replace').strip()}"
    start = response.body[:200].decode("utf-8", "replace").strip()
    return f"HTTP {status}: {start}" if start else f"HTTP {status} without a body"


def _missing_scopes(body: _Body) -> str:
    """Name the scopes that a 403's ``errors[].context`` asks for."""
    scopes: dict[str, None] = {}
    for detail in body.errors if isinstance(body.errors, list) else ():
        context = detail.get("context") if isinstance(detail, dict) else None
        for key in ("requiredScopes", "requiredGranularScopes", "missingScopes"):
            named = context.get(key) if isinstance(context, dict) else None
            scopes.update(dict.fromkeys(map(str, named if isinstance(named, list) else ())))
    return f" (scopes: {', '.join(scopes)})" if scopes else ""


def _correlation_id(response: Response, body: _Body) -> str | None:
    return _str(body.correlation_id) or response.headers.get("x-hubspot-correlation-id")


def _retry_after(response: Response) -> float | None:
    """Seconds of ``Retry-After``, also given as an HTTP date beside the answer's own ``Date``."""
    value = response.headers.get("retry-after", "").strip()
    if value.isascii() and value.replace(".", "", 1).isdigit():
        return float(value)
    try:
        until = email.utils.parsedate_to_datetime(value)
        now = email.utils.parsedate_to_datetime(response.headers.get("date", ""))
        return max(0.0, (until - now).total_seconds())
    except (ValueError, TypeError, OverflowError):
        return None


def _str(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
