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
from hubassoc_async.labels import CreatedLabel, Labels
from hubassoc_async.limits import Limits
from hubassoc_async.listing import IdList
from hubassoc_async.model import (
    FAILURE_CATEGORIES,
    Association,
    AssociationLimit,
    Associations,
    AssociationType,
    Failure,
    IdPage,
    Link,
    LinkGiven,
    ObjectAssociations,
    Outcome,
    PackedAssociations,
    ReadResult,
    Unchanged,
    UsageReport,
    WriteOutcome,
    WriteResult,
    Written,
)
from hubassoc_async.one_pair import OnePair
from hubassoc_async.pacing import TIERS, Clock, DailyBudget, Quota, Quotas, SharedQuota
from hubassoc_async.portals import PortalPool
from hubassoc_async.protocol.label_types import LabelTypes
from hubassoc_async.protocol.message import Request, Response
from hubassoc_async.protocol.planning import WritePlan
from hubassoc_async.protocol.retry import RetryPolicy
from hubassoc_async.protocol.versions import VERSIONS, ApiVersion
from hubassoc_async.sender import Counters
from hubassoc_async.stream import ReadCounts, ReadStream
from hubassoc_async.transport import AiohttpTransport, Transport
from hubassoc_async.write_stream import WriteCounts, WriteStream

__all__ = [
    "FAILURE_CATEGORIES",
    "TIERS",
    "VERSIONS",
    "AiohttpTransport",
    "ApiError",
    "ApiVersion",
    "Association",
    "AssociationLimit",
    "AssociationType",
    "Associations",
    "AssociationsClient",
    "AuthError",
    "Clock",
    "ConnectError",
    "Counters",
    "CreatedLabel",
    "DailyBudget",
    "DailyQuotaSpent",
    "DeadlineExceeded",
    "Failure",
    "HubAssocError",
    "IdList",
    "IdPage",
    "LabelTypes",
    "Labels",
    "Limits",
    "Link",
    "LinkGiven",
    "ObjectAssociations",
    "OnePair",
    "Outcome",
    "PackedAssociations",
    "PortalPool",
    "ProtocolError",
    "Quota",
    "Quotas",
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
    "SharedQuota",
    "Transport",
    "TransportError",
    "Unchanged",
    "UsageError",
    "UsageReport",
    "WriteCounts",
    "WriteOutcome",
    "WritePlan",
    "WriteResult",
    "WriteStream",
    "Written",
]
