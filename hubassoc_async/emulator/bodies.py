"""The JSON that HubSpot answers with when it is not a page: errors and batch envelopes.

Key order is as it was seen on the wire. Bodies are assembled as text because a thousand errors in
an answer are an ordinary case.

Knows: what each answer looks like. Does not know: when it is given.
"""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime

from hubassoc_async.protocol.message import Response

JSON_TYPE = "application/json;charset=utf-8"


def dumps(value: object) -> str:
    """Compact JSON, in the order of the mapping."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def timestamp(moment: datetime) -> str:
    """ISO 8601 with milliseconds, as in ``startedAt``."""
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"


def json_response(status: int, text: str | bytes) -> Response:
    """A JSON answer."""
    body = text if isinstance(text, bytes) else text.encode()
    return Response(status, {"content-type": JSON_TYPE}, body)


def error_response(
    status: int,
    message: str,
    correlation_id: str,
    *,
    category: str | None = None,
    sub_category: str | None = None,
    context: Mapping[str, object] | None = None,
    errors: Iterable[Mapping[str, object]] | None = None,
) -> Response:
    """An error for the whole request."""
    body: dict[str, object] = {
        "status": "error",
        "message": message,
        "correlationId": correlation_id,
    }
    if errors is not None:
        body["errors"] = list(errors)
    if context is not None:
        body["context"] = context
    if category is not None:
        body["category"] = category
    if sub_category is not None:
        body["subCategory"] = sub_category
    return json_response(status, dumps(body))


def batch(
    results: list[bytes],
    errors: list[str],
    started: str,
    completed: str,
    status: str = "COMPLETE",
) -> bytes:
    """The envelope of a batch answer, from its results and errors as JSON texts."""
    failed = f'"numErrors":{len(errors)},"errors":[{",".join(errors)}],' if errors else ""
    return b"".join(
        (
            f'{{"status":"{status}","results":['.encode(),
            b",".join(results),
            f'],{failed}"startedAt":"{started}","completedAt":"{completed}"}}'.encode(),
        )
    )


def item_error(
    category: str, sub_category: str | None, message: str, context: Mapping[str, object]
) -> str:
    """One input's error in a batch answer."""
    body: dict[str, object] = {"status": "error", "category": category}
    if sub_category is not None:
        body["subCategory"] = sub_category
    return dumps({**body, "message": message, "context": context})


def no_associations(from_type: str, from_id: str, to_type: str) -> str:
    """The error that says a record has none. Seen on v3 and v4."""
    return (
        '{"status":"error","category":"OBJECT_NOT_FOUND",'
        '"subCategory":"crm.associations.NO_ASSOCIATIONS_FOUND",'
        f'"message":"No {to_type} is associated with {from_type} {from_id}.",'
        f'"context":{{"fromObjectId":["{from_id}"],"fromObjectType":["{from_type}"],'
        f'"toObjectType":["{to_type}"]}}}}'
    )


def invalid_identifier(spelling: str) -> str:
    """The error of an id that is not a number. Its category and sub-category were seen."""
    return item_error(
        "VALIDATION_ERROR",
        "crm.associations.INVALID_IDENTIFIER",
        f"{spelling} is not a valid object ID",
        {"id": [spelling]},
    )
