"""Labels, association types, association limits and the usage report.

Knows: the definitions of a portal. Does not know: associations, except to count them.
"""

from typing import Any

from hubassoc_async.emulator import bodies
from hubassoc_async.emulator.call import Call
from hubassoc_async.emulator.catalog import Direction, TypeDef
from hubassoc_async.emulator.reads import record_id
from hubassoc_async.emulator.refusals import (
    Refused,
    batch_inputs,
    decode,
    number_field,
    text_field,
)
from hubassoc_async.protocol.message import Response

CAPS_CREATED = {"v4": 201, "2026-03": 201}
"""Status of created association limits, as published; the other versions publish 200."""
MOST_CAPS = 100
"""Most inputs of a request on association limits. Unknown."""


def labels(call: Call) -> Response:
    """Every type of a direction, with its label."""
    direction = call.portal.graph.catalog.direction(*call.types)
    return _results([_listed(type_def) for type_def in direction.types.values()])


def define_label(call: Call) -> Response:
    """A new label, in both directions."""
    body = _object(call)
    label, name = text_field(body, "label"), text_field(body, "name")
    inverse = None if body.get("inverseLabel") is None else text_field(body, "inverseLabel")
    catalog = call.portal.graph.catalog
    direction = catalog.direction(*call.types)
    if not direction.types:
        raise Refused(400, "These object types cannot be associated", "VALIDATION_ERROR")
    if direction.named(name) is not None:
        raise Refused(400, f"A label named {name} exists already", "VALIDATION_ERROR")
    there, back = catalog.define_label(*_pair(call), label, inverse, name)
    return _results([_listed(there)] + ([_listed(back)] if back.key != there.key else []))


def rename_label(call: Call) -> Response:
    """Other words for a label of the portal's own."""
    body = _object(call)
    label = text_field(body, "label")
    direction, found = _own(call, number_field(body, "associationTypeId"))
    _rename(direction, found, label)
    if body.get("inverseLabel") is not None and found.inverse is not None:
        back = call.portal.graph.catalog.direction(direction.to_type, direction.from_type)
        _rename(back, back.types[found.inverse], text_field(body, "inverseLabel"))
    return Response(204, {})


def drop_label(call: Call) -> Response:
    """Remove a label of the portal's own, in both directions, if nothing carries it."""
    direction, found = _own(call, record_id(call.asked.parts["type_id"]))
    graph = call.portal.graph
    relation = graph.relation(direction.from_type, direction.to_type)
    for from_id in relation.froms():
        row = relation.row(from_id)
        if row is not None and any(found.key in relation.kinds[kind] for kind, _ in row[1]):
            raise Refused(400, f"Type {found.type_id} is in use", "VALIDATION_ERROR")
    direction.drop(found.key)
    back = graph.catalog.direction(direction.to_type, direction.from_type)
    if found.inverse in back.types:
        back.drop(found.inverse)
    return Response(204, {})


def types(call: Call) -> Response:
    """The type names of v3."""
    direction = call.portal.graph.catalog.direction(*call.types)
    listed = [{"id": str(t.type_id), "name": t.v3_name} for t in direction.types.values()]
    return _results(listed)


def all_caps(call: Call) -> Response:
    """Every configured association limit."""
    configured = call.portal.caps.configured
    return _results([_cap(call, *key) for key in configured])


def caps(call: Call) -> Response:
    """The configured association limits of one direction."""
    configured = call.portal.caps.configured
    pair = tuple(call.types)
    return _results([_cap(call, *key) for key in configured if key[:2] == pair])


def create_caps(call: Call) -> Response:
    """Configure limits that were not."""
    results = [bodies.dumps(item) for item in _set_caps(call)]
    return _batch(call, results, CAPS_CREATED.get(call.version.name, 200))


def update_caps(call: Call) -> Response:
    """Configure other limits."""
    results = []
    for item in _set_caps(call):
        item.pop("label")
        results.append(bodies.dumps(item))
    return _batch(call, results, 200)


def purge_caps(call: Call) -> Response:
    """Remove configured limits; what is not there is no error."""
    inputs = _cap_inputs(call)
    for item in inputs:
        found = _named(call, text_field(item, "category"), number_field(item, "typeId"))
        call.portal.caps.configured.pop((*_pair(call), found.key), None)
    return Response(204, {}) if call.version.name == "v4" else _batch(call, [], 200)


def usage(call: Call) -> Response:
    """A report of records that are near their limits, sent to a user by mail."""
    user = record_id(call.asked.parts["user_id"])
    if user is None or user >= 1 << 31:
        raise Refused(400, f"{call.asked.parts['user_id']} is no user id", "VALIDATION_ERROR")
    moment = call.portal.epoch.timestamp() + call.asked.time
    enqueued: object = {"value": int(moment * 1000), "dateOnly": False, "timeZoneShift": 0}
    if call.portal.unknowns.report_time == "text":
        enqueued = call.started
    email = f"user-{user}@example.com"
    report = {"userId": user, "userEmail": email, "enqueueTime": enqueued}
    call.portal.reports.append(user)
    return bodies.json_response(200, bodies.dumps(report))


def _results(listed: list[dict[str, Any]]) -> Response:
    return bodies.json_response(200, bodies.dumps({"results": listed}))


def _batch(call: Call, results: list[str], status: int) -> Response:
    listed = [text.encode() for text in results]
    return bodies.json_response(status, bodies.batch(listed, [], call.started, call.started))


def _listed(type_def: TypeDef) -> dict[str, Any]:
    return {
        "category": type_def.category,
        "typeId": type_def.type_id,
        "label": type_def.label,
    }


def _object(call: Call) -> dict[str, Any]:
    body = decode(call.asked.body)
    if not isinstance(body, dict):
        raise Refused(400, "Invalid input JSON: an object is expected", "VALIDATION_ERROR")
    return body


def _own(call: Call, type_id: int | None) -> tuple[Direction, TypeDef]:
    direction = call.portal.graph.catalog.direction(*call.types)
    found = None if type_id is None else direction.find("USER_DEFINED", type_id)
    if found is None or found.label is None:
        raise Refused(400, f"{type_id} is no label of this portal", "VALIDATION_ERROR")
    return direction, found


def _rename(direction: Direction, found: TypeDef, label: str) -> None:
    direction.add(
        TypeDef(found.key, found.category, label, found.v3_name, found.inverse, found.exclusive)
    )


def _pair(call: Call) -> tuple[str, str]:
    from_type, to_type = call.types
    return from_type, to_type


def _named(call: Call, category: str, type_id: int) -> TypeDef:
    found = call.portal.graph.catalog.direction(*call.types).find(category, type_id)
    if found is None:
        raise Refused(400, f"{type_id} is no {category} type of this direction", "VALIDATION_ERROR")
    return found


def _cap_inputs(call: Call) -> list[dict[str, Any]]:
    most = call.portal.unknowns.too_many_inputs
    inputs = batch_inputs(call.asked.body, MOST_CAPS, most)
    call.asked.count = len(inputs)
    return inputs


def _set_caps(call: Call) -> list[dict[str, Any]]:
    wanted: list[tuple[TypeDef, int]] = []
    for item in _cap_inputs(call):
        found = _named(call, text_field(item, "category"), number_field(item, "typeId"))
        most = number_field(item, "maxToObjectIds")
        if not 1 <= most < 1 << 31:
            raise Refused(400, f"maxToObjectIds is at least 1: {most}", "VALIDATION_ERROR")
        wanted.append((found, most))
    pair = _pair(call)
    for found, most in wanted:
        call.portal.caps.configured[(*pair, found.key)] = most
    return [_cap(call, *pair, found.key) for found, _ in wanted]


def _cap(call: Call, from_type: str, to_type: str, key: int) -> dict[str, Any]:
    found = call.portal.graph.catalog.direction(from_type, to_type).types[key]
    return {
        "category": found.category,
        "typeId": found.type_id,
        "userEnforcedMaxToObjectIds": call.portal.caps.configured[from_type, to_type, key],
        "label": found.label,
    }
