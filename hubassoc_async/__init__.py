"""Asyncio client for HubSpot's CRM Associations batch APIs."""

from hubassoc_async.client import AssociationsClient
from hubassoc_async.errors import (
    ApiError,
    AuthError,
    ConnectError,
    DailyQuotaSpent,
    DeadlineExceeded,
    HubAssocError,
    ProtocolError,
    RateLimited,
    ResponseTimeout,
    ResponseTooLarge,
    ServerError,
    TransportError,
    UsageError,
)
from hubassoc_async.model import (
    FAILURE_CATEGORIES,
    Association,
    Associations,
    AssociationType,
    Failure,
    ObjectAssociations,
    Outcome,
    ReadResult,
)
from hubassoc_async.pacing import Clock, Quota
from hubassoc_async.protocol.message import Request, Response
from hubassoc_async.protocol.retry import RetryPolicy
from hubassoc_async.protocol.versions import VERSIONS, ApiVersion
from hubassoc_async.sender import Counters
from hubassoc_async.stream import ReadCounts, ReadStream
from hubassoc_async.transport import AiohttpTransport, Transport

__all__ = [
    "FAILURE_CATEGORIES",
    "VERSIONS",
    "AiohttpTransport",
    "ApiError",
    "ApiVersion",
    "Association",
    "AssociationType",
    "Associations",
    "AssociationsClient",
    "AuthError",
    "Clock",
    "ConnectError",
    "Counters",
    "DailyQuotaSpent",
    "DeadlineExceeded",
    "Failure",
    "HubAssocError",
    "ObjectAssociations",
    "Outcome",
    "ProtocolError",
    "Quota",
    "RateLimited",
    "ReadCounts",
    "ReadResult",
    "ReadStream",
    "Request",
    "Response",
    "ResponseTimeout",
    "ResponseTooLarge",
    "RetryPolicy",
    "ServerError",
    "Transport",
    "TransportError",
    "UsageError",
]
