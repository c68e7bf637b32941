"""Every exception, by whose fault it is and what the caller can do.

    HubAssocError
    ├── UsageError              found before anything was sent: correct the call
    ├── TransportError          no answer came
    │   ├── ConnectError        nothing was sent
    │   ├── ResponseTimeout     HubSpot may have acted
    │   └── ResponseTooLarge    more bytes than allowed
    ├── ApiError                HubSpot refused the request as a whole
    │   ├── AuthError           401 or 403: another token or more scopes are needed
    │   ├── RateLimited         429 for longer than the retry policy waits
    │   │   └── DailyQuotaSpent come back after midnight in the portal's time zone
    │   └── ServerError         5xx, 423 or 477 for longer than the retry policy waits
    ├── ProtocolError           an answer that breaks the published format
    └── DeadlineExceeded        the caller's own deadline passed

One id's error is a ``Failure`` value, never an exception. An exception that stops a read carries
what it had (``result``) and what it had not read (``unread``).

Knows: nothing else of this package. Does not know: HTTP libraries, versions, JSON.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hubassoc_async.model import Link, ReadResult, WriteResult


class HubAssocError(Exception):
    """Base of every exception of this package."""

    result: "ReadResult | None" = None
    """What ``read`` had when it stopped. None for a streaming read, whose caller has it already."""
    unread: tuple[str, ...] = ()
    """Ids that were taken from the caller's iterable and have no outcome."""
    written: "WriteResult | None" = None
    """What ``create`` or its like had done when it stopped. None for a streaming write."""
    unwritten: "tuple[Link, ...]" = ()
    """Links that were taken from the caller's iterable and have no outcome. Some may have been
    written all the same; writing them again does no harm."""


class UsageError(HubAssocError, ValueError):
    """The call cannot be right: nothing was sent."""


class TransportError(HubAssocError, ConnectionError):
    """No whole answer came: the connection broke, or the body did."""


class ConnectError(TransportError):
    """No connection could be made: nothing was sent."""


class ResponseTimeout(TransportError, TimeoutError):
    """The request was sent and no whole answer came in time: HubSpot may have acted."""


class ResponseTooLarge(TransportError):
    """The answer has more bytes than allowed, on the wire or decompressed."""


class ApiError(HubAssocError):
    """HubSpot refused the request as a whole. ``str()`` says why; the fields say it in parts."""

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        category: str | None = None,
        sub_category: str | None = None,
        correlation_id: str | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.category = category
        self.sub_category = sub_category
        self.correlation_id = correlation_id


class AuthError(ApiError):
    """401 or 403: the token is missing, refused, expired, or lacks scopes."""


class RateLimited(ApiError):
    """HubSpot kept answering 429 for longer than the retry policy waits."""


class DailyQuotaSpent(RateLimited):
    """The account's daily quota is spent; it resets at midnight in the account's time zone."""


class ServerError(ApiError):
    """HubSpot kept failing, was locked or in migration, for longer than the policy waits."""


class ProtocolError(HubAssocError):
    """An answer that breaks the published format. ``str()`` names what and where."""


class DeadlineExceeded(HubAssocError, TimeoutError):
    """The caller's deadline passed before every id was read."""
