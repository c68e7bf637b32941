"""Every difference from the published files that is right, one by one, with its reason.

Knows: what was seen on the wire or is documented elsewhere. Does not know: how it is found out.
"""

from collections.abc import Container
from typing import NamedTuple

from tests.openapi.judge import Difference

ANY_ERROR = range(400, 600)


class Allowance(NamedTuple):
    """One difference between the files and the wire."""

    reason: str
    where: str
    what: str
    operation: str = ""
    """The end of the operations' names; empty for all."""
    version: str = ""
    statuses: Container[int] = range(200, 300)

    def covers(self, difference: Difference) -> bool:
        """Say whether it is this difference."""
        return (
            difference.where == self.where
            and difference.what == self.what
            and difference.operation.endswith(self.operation)
            and difference.operation.startswith(self.version)
            and difference.status in self.statuses
        )


def _integer(where: str, operation: str) -> Allowance:
    reason = "ids of records are JSON integers in v4's answers, as captured live"
    return Allowance(reason, where, "int, not string", operation)


ALLOWANCES = (
    _integer("results[].to[].toObjectId", "POST batch/read"),
    _integer("results[].toObjectId", "GET associations/*"),
    _integer("results[].fromObjectId", "POST batch/create"),
    _integer("results[].toObjectId", "POST batch/create"),
    Allowance(
        "an unlabelled type has the label null",
        "results[].to[].associationTypes[].label",
        "NoneType, not string",
        "POST batch/read",
    ),
    Allowance(
        "an unlabelled type has the label null",
        "results[].associationTypes[].label",
        "NoneType, not string",
        "GET associations/*",
    ),
    Allowance(
        "paging was seen as null on a record's last page",
        "results[].paging",
        "NoneType, not object",
        "POST batch/read",
    ),
    Allowance(
        "paging.prev was seen as null",
        "results[].paging.prev",
        "NoneType, not object",
        "POST batch/read",
    ),
    Allowance("an item error has no errors of its own", "errors[].errors", "absent"),
    Allowance("an item error has no links", "errors[].links", "absent"),
    Allowance(
        "an item error's subCategory is a text, such as crm.associations.NO_ASSOCIATIONS_FOUND",
        "errors[].subCategory",
        "str, not object",
    ),
    Allowance(
        "the 2026-09 file names 200 alone; its generator lost 207, which live v4 still answers",
        "status",
        "unpublished",
        "POST batch/read",
        "2026-09",
        {207},
    ),
    Allowance(
        "the 2026-09 file names 200 alone; its generator lost 201 and 207",
        "status",
        "unpublished",
        "POST batch/create",
        "2026-09",
        {201, 207},
    ),
    Allowance(
        'the body of every refusal says "status": "error"',
        "status",
        "unpublished",
        statuses=ANY_ERROR,
    ),
    Allowance(
        "a refusal's category may be missing: every field of an error body is optional",
        "category",
        "absent",
        statuses={400, 408, 413, 429, 477},
    ),
    Allowance("a 429 has errorType for category", "errorType", "unpublished", statuses={429}),
    Allowance("a 429 names its policy", "policyName", "unpublished", statuses={429}),
    Allowance("a 429 has a requestId", "requestId", "unpublished", statuses={429}),
    Allowance(
        "what stands before HubSpot answers in HTML or plain text",
        "body",
        "not JSON",
        statuses={429, 502, 503, 504, *range(520, 527)},
    ),
)

UNPUBLISHED_PATHS = {
    r"GET /crm/v3/objects/[^/]+/[^/]+/associations/[^/]+": (
        "v3's one-record operations are in no file of this folder; HubSpot's documentation has them"
    ),
}
"""Operations that the client uses and no file describes: pattern of method and path, and why."""
