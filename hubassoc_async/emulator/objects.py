"""The list of an object type's records and search, as far as a job needs them to get ids.

Knows: ids, and filters on ``hs_object_id``. Does not know: any other property.
"""

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, Final

from hubassoc_async.emulator import bodies
from hubassoc_async.emulator.call import Call
from hubassoc_async.emulator.calls import query_of
from hubassoc_async.emulator.graph import Objects
from hubassoc_async.emulator.reads import LINK, list_limit, record_id
from hubassoc_async.emulator.refusals import Refused, decode
from hubassoc_async.protocol.message import Response

LIST_DEFAULT: Final = 10
LIST_MOST: Final = 100
SEARCH_MOST: Final = 200
SEARCH_WINDOW: Final = 10_000
"""Results that one search gives in all: https://developers.hubspot.com/docs/guides/api/crm/search
(read 2026-08)."""

Check = Callable[[int], bool]


def objects(call: Call) -> Response:
    """A page of records, by id."""
    parameters = query_of(call.asked.query)
    limit = list_limit(parameters.get("limit"), LIST_DEFAULT, LIST_MOST)
    after = _after(parameters.get("after"))
    if parameters.get("archived", "false").lower() == "true":
        return bodies.json_response(200, '{"results":[]}')
    found = list(islice(_objects(call).after(after), limit + 1))
    path = f"{LINK}{call.asked.path}"
    text = ",".join(_record(call, object_id) for object_id in found[:limit])
    return bodies.json_response(
        200, f'{{"results":[{text}]{_paging(found, limit, path, found[limit - 1 : limit])}}}'
    )


def search(call: Call) -> Response:
    """Records by id: filters and sorts on ``hs_object_id`` are understood, and no others."""
    body = decode(call.asked.body)
    if not isinstance(body, dict):
        raise Refused(400, "Invalid input JSON: an object is expected", "VALIDATION_ERROR")
    limit = list_limit(str(body.get("limit") or LIST_DEFAULT), LIST_DEFAULT, SEARCH_MOST)
    offset = _after(str(body.get("after") or "0"))
    if offset + limit > SEARCH_WINDOW:
        raise Refused(400, f"after and limit end at {SEARCH_WINDOW}", "VALIDATION_ERROR")
    groups = [_group(group) for group in _list(body, "filterGroups")]
    descending = _descending(_list(body, "sorts"))
    lowest = min((low for low, _ in groups), default=-1)
    plain = len(groups) <= 1 and all(not checks for _, checks in groups) and not descending
    if plain:
        objects_of = _objects(call)
        found = list(islice(objects_of.after(lowest), offset, offset + limit))
        return _found(call, found, objects_of.count_after(lowest), offset + limit)
    every = (
        object_id
        for object_id in _objects(call).after(lowest)
        if not groups
        or any(
            object_id > low and all(check(object_id) for check in checks) for low, checks in groups
        )
    )
    found, total = _slice(every, offset, limit, descending=descending)
    return _found(call, found, total, offset + limit)


def _found(call: Call, found: list[int], total: int, end: int) -> Response:
    text = ",".join(_record(call, object_id) for object_id in found)
    paging = f',"paging":{{"next":{{"after":"{end}"}}}}' if end < total else ""
    return bodies.json_response(200, f'{{"total":{total},"results":[{text}]{paging}}}')


def _slice(
    every: Iterator[int], offset: int, limit: int, *, descending: bool
) -> tuple[list[int], int]:
    found = list(every)
    if descending:
        found.reverse()
    return found[offset : offset + limit], len(found)


def _objects(call: Call) -> Objects:
    return call.portal.graph.objects_of(call.types[0])


def _after(spelling: str | None) -> int:
    if spelling is None:
        return -1
    after = record_id(spelling)
    if after is None:
        raise Refused(400, f"The after value {spelling!r} is invalid", "VALIDATION_ERROR")
    return after


def _paging(found: list[int], limit: int, path: str, last: list[int]) -> str:
    if len(found) <= limit:
        return ""
    after = str(last[0])
    link = bodies.dumps(f"{path}?limit={limit}&after={after}")
    return f',"paging":{{"next":{{"after":"{after}","link":{link}}}}}'


def _record(call: Call, object_id: int) -> str:
    stamp = bodies.timestamp(call.portal.epoch)
    return (
        f'{{"id":"{object_id}","properties":{{"createdate":"{stamp}",'
        f'"hs_lastmodifieddate":"{stamp}","hs_object_id":"{object_id}"}},'
        f'"createdAt":"{stamp}","updatedAt":"{stamp}","archived":false}}'
    )


def _list(body: dict[str, Any], name: str) -> list[Any]:
    value = body.get(name)
    if value is None:
        return []
    if not isinstance(value, list):
        raise Refused(400, f"Invalid input JSON: {name} is a list", "VALIDATION_ERROR")
    return value


def _descending(sorts: list[Any]) -> bool:
    if not sorts:
        return False
    first = sorts[0]
    if isinstance(first, dict):
        name, order = first.get("propertyName"), first.get("direction", "ASCENDING")
    else:
        name, order = str(first).removeprefix("-"), "DESCENDING" if "-" in str(first) else ""
    if name != "hs_object_id":
        raise Refused(400, f"There is no property {name}", "VALIDATION_ERROR")
    return bool(order == "DESCENDING")


def _group(group: Any) -> tuple[int, list[Check]]:
    """The id below which nothing matches, and what has to hold for an id."""
    if not isinstance(group, dict):
        raise Refused(400, "Invalid input JSON: a filter group is an object", "VALIDATION_ERROR")
    checks: list[Check] = []
    lowest = -1
    for condition in _list(group, "filters"):
        if not isinstance(condition, dict) or condition.get("propertyName") != "hs_object_id":
            raise Refused(400, "Only hs_object_id can be filtered by", "VALIDATION_ERROR")
        operator = condition.get("operator")
        if operator in ("GT", "GTE"):
            lowest = max(lowest, _number(condition, "value") - (operator == "GTE"))
        else:
            checks.append(_check(operator, condition))
    return lowest, checks


def _check(operator: Any, condition: dict[str, Any]) -> Check:
    if operator in ("IN", "NOT_IN"):
        wanted = {record_id(str(value)) for value in _list(condition, "values")}
        included = bool(operator == "IN")
        return lambda i: (i in wanted) is included
    if operator == "HAS_PROPERTY":
        return lambda i: True
    value = _number(condition, "value")
    if operator == "BETWEEN":
        high = _number(condition, "highValue")
        return lambda i: value <= i <= high
    compare: dict[Any, Check] = {
        "EQ": lambda i: i == value,
        "NEQ": lambda i: i != value,
        "LT": lambda i: i < value,
        "LTE": lambda i: i <= value,
    }
    if operator not in compare:
        raise Refused(400, f"Operator {operator} is not supported here", "VALIDATION_ERROR")
    return compare[operator]


def _number(condition: dict[str, Any], name: str) -> int:
    value = record_id(str(condition.get(name, "")))
    if value is None:
        raise Refused(400, f"{name} of a filter on hs_object_id is an id", "VALIDATION_ERROR")
    return value
