"""Requests on a portal's definitions: labels, association limits, and the usage report.

Knows: paths' ends, bodies, what an answer holds. Does not know: who sends, retries, caches.
"""

from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

import msgspec
from msgspec import Struct

from hubassoc_async.errors import ApiError
from hubassoc_async.model import AssociationLimit, AssociationType, UsageReport
from hubassoc_async.protocol.call import Call, decoded, nothing
from hubassoc_async.protocol.message import Request
from hubassoc_async.protocol.versions import ApiVersion


class _Definition(Struct, rename="camel"):
    category: str
    type_id: int
    label: str | None = None


class _Definitions(Struct):
    results: list[_Definition]


class _V3Definition(Struct):
    id: str | int
    name: str


class _V3Definitions(Struct):
    results: list[_V3Definition]


class _Limit(Struct, rename="camel"):
    category: str
    type_id: int
    user_enforced_max_to_object_ids: int | None = None
    label: str | None = None


class _Limits(Struct):
    results: list[_Limit] = []
    errors: list[dict[str, Any]] | None = None
    status: str = "COMPLETE"


class _Moment(Struct):
    value: int  # milliseconds


class _Report(Struct, rename="camel"):
    user_id: int
    user_email: str | None = None
    enqueue_time: _Moment | None = None


def list_labels(
    version: ApiVersion, from_object_type: str, to_object_type: str
) -> Call[list[AssociationType]]:
    """List the types of a direction, where the version has labels."""
    request = Request("GET", version.labels_path(from_object_type, to_object_type))
    return Call(request, _definitions)


def list_v3_types(
    version: ApiVersion, from_object_type: str, to_object_type: str
) -> Call[list[tuple[int, str]]]:
    """List v3's types of a direction: id and name. Ids of HubSpot's and of the portal's overlap."""

    def decode(body: bytes) -> list[tuple[int, str]]:
        listed = decoded(body, _V3Definitions, "type names")
        return [(int(one.id), one.name) for one in listed.results if str(one.id).isdigit()]

    return Call(Request("GET", version.labels_path(from_object_type, to_object_type)), decode)


def create_label(
    version: ApiVersion,
    from_object_type: str,
    to_object_type: str,
    *,
    label: str,
    name: str,
    inverse_label: str | None,
) -> Call[list[AssociationType]]:
    """Define a label. Not repeatable: HubSpot might define it twice."""
    body = {"label": label, "name": name}
    if inverse_label is not None:
        body["inverseLabel"] = inverse_label
    request = _post(version.labels_path(from_object_type, to_object_type), body)
    return Call(request, _definitions, repeatable=False)


def rename_label(
    version: ApiVersion,
    from_object_type: str,
    to_object_type: str,
    *,
    type_id: int,
    label: str,
    inverse_label: str | None,
) -> Call[None]:
    """Give a label another name."""
    body: dict[str, object] = {"associationTypeId": type_id, "label": label}
    if inverse_label is not None:
        body["inverseLabel"] = inverse_label
    path = version.labels_path(from_object_type, to_object_type)
    return Call(Request("PUT", path, body=msgspec.json.encode(body)), nothing)


def delete_label(
    version: ApiVersion, from_object_type: str, to_object_type: str, type_id: int
) -> Call[None]:
    """Delete a label's definition."""
    path = version.labels_path(from_object_type, to_object_type)
    return Call(Request("DELETE", f"{path}/{type_id}"), nothing)


def list_limits(version: ApiVersion, pair: tuple[str, str] | None) -> Call[list[AssociationLimit]]:
    """List the limits of a direction, or all."""
    what = "all" if pair is None else _quoted(*pair)
    return Call(Request("GET", version.limits_path(what)), _limits)


def change_limits(
    version: ApiVersion,
    from_object_type: str,
    to_object_type: str,
    operation: str,
    limits: Iterable[AssociationLimit],
) -> Call[list[AssociationLimit]]:
    """Create, update or purge limits."""
    inputs = []
    for one in limits:
        item: dict[str, object] = {"category": one.category, "typeId": one.type_id}
        if operation != "purge":
            item["maxToObjectIds"] = one.max_to_object_ids
        inputs.append(item)
    what = f"{_quoted(from_object_type, to_object_type)}/batch/{operation}"
    return Call(_post(version.limits_path(what), {"inputs": inputs}), _limits)


def usage_report(version: ApiVersion, user_id: int) -> Call[UsageReport]:
    """Have a report of records near their limits mailed to a user."""

    def decode(body: bytes) -> UsageReport:
        report = decoded(body, _Report, "usage report")
        at = None if report.enqueue_time is None else report.enqueue_time.value / 1000
        return UsageReport(report.user_id, report.user_email, at)

    path = f"{version.associations}/usage/high-usage-report/{user_id}"
    return Call(Request("POST", path), decode)


def _post(path: str, body: object) -> Request:
    return Request("POST", path, body=msgspec.json.encode(body))


def _quoted(*parts: str) -> str:
    return "/".join(quote(part, safe="") for part in parts)


def _definitions(body: bytes) -> list[AssociationType]:
    listed = decoded(body, _Definitions, "label definitions")
    return [AssociationType(one.category, one.type_id, one.label) for one in listed.results]


def _limits(body: bytes) -> list[AssociationLimit]:
    if not body.strip():
        return []
    listed = decoded(body, _Limits, "association limits")
    if listed.errors or listed.status != "COMPLETE":
        first = (listed.errors or [{}])[0]
        message = first.get("message") or f"HubSpot answered {listed.status}"
        raise ApiError(str(message), category=str(first.get("category") or "UNKNOWN"))
    return [
        AssociationLimit(one.category, one.type_id, one.user_enforced_max_to_object_ids, one.label)
        for one in listed.results
    ]
