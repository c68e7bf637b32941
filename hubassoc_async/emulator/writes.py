"""Associating and archiving: by batch and one pair at a time.

Knows: which inputs fail, what an answer lists, in which version. Does not know: how a pair is
stored, tokens, limits.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from hubassoc_async.emulator import bodies
from hubassoc_async.emulator.call import Call
from hubassoc_async.emulator.catalog import Direction, TypeDef, object_type_id
from hubassoc_async.emulator.pairs import (
    INVALID_TYPE,
    BadType,
    Pair,
    archive_inputs,
    check_froms,
    create_inputs,
    default_inputs,
    spec_types,
)
from hubassoc_async.emulator.reads import record_id
from hubassoc_async.emulator.refusals import Refused, decode
from hubassoc_async.protocol.message import Response

if TYPE_CHECKING:
    from hubassoc_async.emulator.caps import Pending


def create(call: Call) -> Response:
    """Batch create with labels: labels are replaced."""
    unknowns, graph = call.portal.unknowns, call.portal.graph
    v3 = call.version.shape == "v3"
    direction = graph.catalog.direction(*call.types)
    most = unknowns.too_many_inputs
    try:
        pairs, errors = create_inputs(call.asked.body, direction, graph.catalog, most, v3=v3)
    except BadType as bad:
        return _bad_type(call, str(bad))
    call.asked.count = len(pairs) + len(errors)
    pairs, errors = _possible(call, pairs, errors)
    if unknowns.duplicate_pairs == "union":
        pairs = _united(pairs)
    for pair in pairs:
        _put(call, pair)
    listed = _v3_results if v3 else _label_results
    results = [text for pair in pairs for text in listed(call, direction, pair)]
    return _answer(call, results, errors, done=201)


def default(call: Call) -> Response:
    """Batch associate by the unlabelled type. Errors come inside a 200."""
    pairs, errors = default_inputs(call.asked.body, call.portal.unknowns.too_many_inputs)
    call.asked.count = len(pairs) + len(errors)
    return _associate_default(call, pairs, errors)


def put_default(call: Call) -> Response:
    """The same for the pair in the path."""
    call.asked.count = 1
    return _associate_default(call, [_path_pair(call)], [])


def _associate_default(call: Call, pairs: list[Pair], errors: list[str]) -> Response:
    graph = call.portal.graph
    direction = graph.catalog.direction(*call.types)
    if direction.unlabelled is None:
        raise Refused(400, _cannot(direction), "VALIDATION_ERROR", INVALID_TYPE)
    pairs, errors = _possible(call, pairs, errors)
    results: list[str] = []
    for pair in pairs:
        graph.put(*_ends(call, pair), (), replace=False)
        results.extend(_default_results(call, direction, pair))
    return _answer(call, results, errors, done=200, partly=200)


def put(call: Call) -> Response:
    """Label one pair: labels are replaced."""
    call.asked.count = 1
    direction = call.portal.graph.catalog.direction(*call.types)
    specs = decode(call.asked.body)
    if not isinstance(specs, list):
        raise Refused(400, "Invalid input JSON: a list of types is expected", "VALIDATION_ERROR")
    pair = _path_pair(call)
    try:
        pair.types = spec_types(
            specs, direction, call.portal.graph.catalog, call.asked.parts["from_id"]
        )
    except BadType as bad:
        raise Refused(400, str(bad), "VALIDATION_ERROR", INVALID_TYPE) from None
    for object_type, object_id, _ in _missing(call, pair):
        message = f"No {object_type} with id {object_id} exists"
        raise Refused(404, message, "OBJECT_NOT_FOUND")
    _, errors = _possible(call, [pair], [])
    if errors:
        raise Refused(400, "The association limit is reached", "VALIDATION_ERROR", _CAP)
    _put(call, pair)
    (text,) = _label_results(call, direction, pair)
    return bodies.json_response(201, text)


def delete(call: Call) -> Response:
    """Remove everything between the pair in the path; what is not there is no error."""
    call.asked.count = 1
    call.portal.graph.take(*_ends(call, _path_pair(call)))
    return Response(204, {})


def archive(call: Call) -> Response:
    """Batch archive: everything between the pairs; in v3 the type that is named."""
    most = call.portal.unknowns.too_many_inputs
    if call.version.shape == "v3":
        return archive_labels(call)
    pairs, call.asked.count = archive_inputs(call.asked.body, most)
    for pair in pairs:
        call.portal.graph.take(*_ends(call, pair))
    return _archived(call)


def archive_labels(call: Call) -> Response:
    """Batch archive of labels: only the types that are named; the unlabelled one takes all."""
    graph, most = call.portal.graph, call.portal.unknowns.too_many_inputs
    direction = graph.catalog.direction(*call.types)
    v3 = call.version.shape == "v3"
    try:
        pairs, _ = create_inputs(call.asked.body, direction, graph.catalog, most, v3=v3)
    except BadType as bad:
        raise Refused(400, str(bad), "VALIDATION_ERROR", INVALID_TYPE) from None
    check_froms((pair.from_id for pair in pairs), most)
    call.asked.count = len(pairs)
    for pair in pairs:
        graph.take(*_ends(call, pair), [type_def.key for type_def in pair.types])
    return _archived(call)


_CAP = "crm.associations.ASSOCIATION_LIMIT_REACHED"
"""Unknown: nobody has shown the body of an association limit."""


def _archived(call: Call) -> Response:
    dated = call.version.name not in ("v3", "v4")
    if dated and call.portal.unknowns.dated_archive == "batch":
        return _answer(call, [], [], done=200)
    return Response(204, {})


def _ends(call: Call, pair: Pair) -> tuple[str, int, str, int]:
    from_type, to_type = call.types
    return from_type, pair.from_id, to_type, pair.to_id


def _put(call: Call, pair: Pair) -> None:
    keys = [type_def.key for type_def in pair.types]
    call.portal.graph.put(*_ends(call, pair), keys)


def _path_pair(call: Call) -> Pair:
    ids = [record_id(call.asked.parts[name]) for name in ("from_id", "to_id")]
    from_id, to_id = ids
    if from_id is None or to_id is None:
        bad = call.asked.parts["from_id" if from_id is None else "to_id"]
        message = f"{bad} is not a valid object ID"
        raise Refused(400, message, "VALIDATION_ERROR", "crm.associations.INVALID_IDENTIFIER")
    return Pair(from_id, to_id)


def _possible(call: Call, pairs: list[Pair], errors: list[str]) -> tuple[list[Pair], list[str]]:
    """The pairs that can be written, and one error for each record that is not there."""
    missing: dict[tuple[str, int, str], None] = {}
    kept: list[Pair] = []
    over: list[str] = []
    pending: Pending = {}
    for pair in pairs:
        lacking = _missing(call, pair)
        missing.update(dict.fromkeys(lacking))
        if lacking:
            continue
        keys = [type_def.key for type_def in pair.types]
        full = call.portal.caps.exceeded(call.portal.graph, _ends(call, pair), keys, pending)
        if full is None:
            kept.append(pair)
        elif call.portal.unknowns.cap_error == "request":
            raise Refused(400, full, "VALIDATION_ERROR", _CAP)
        else:
            context = {"fromObjectId": [str(pair.from_id)], "toObjectId": [str(pair.to_id)]}
            over.append(bodies.item_error("VALIDATION_ERROR", _CAP, full, context))
    return kept, [*errors, *(_not_found(*what) for what in missing), *over]


def _missing(call: Call, pair: Pair) -> list[tuple[str, int, str]]:
    """The records of a pair that do not exist: type, id and which end of the pair it is."""
    if not call.portal.check_objects:
        return []
    graph = call.portal.graph
    from_type, from_id, to_type, to_id = _ends(call, pair)
    ends = ((from_type, from_id, "FROM"), (to_type, to_id, "TO"))
    return [end for end in ends if end[1] not in graph.objects_of(end[0])]


def _not_found(object_type: str, object_id: int, end: str) -> str:
    return bodies.item_error(
        "OBJECT_NOT_FOUND",
        f"crm.associations.{end}_OBJECT_NOT_FOUND",
        f"No {object_type} with id {object_id} exists",
        {"objectType": [object_type], "id": [str(object_id)]},
    )


def _united(pairs: Iterable[Pair]) -> list[Pair]:
    found: dict[tuple[int, int], Pair] = {}
    for pair in pairs:
        first = found.setdefault((pair.from_id, pair.to_id), pair)
        if first is not pair:
            first.types += pair.types
    return list(found.values())


def _bad_type(call: Call, message: str) -> Response:
    ways = call.portal.unknowns.bad_type
    if ways == "request":
        raise Refused(400, message, "VALIDATION_ERROR", INVALID_TYPE)
    if ways == "item":
        error = bodies.item_error("VALIDATION_ERROR", INVALID_TYPE, message, {"type": [message]})
        return _answer(call, [], [error], done=201)
    canceled = bodies.batch([], [], call.started, call.started, "CANCELED")
    return bodies.json_response(200, canceled)


def _answer(
    call: Call, results: list[str], errors: list[str], *, done: int, partly: int = 207
) -> Response:
    listed = [text.encode() for text in results]
    body = bodies.batch(listed, errors, call.started, call.started)
    return bodies.json_response(partly if errors else done, body)


def _cannot(direction: Direction) -> str:
    return f"{direction.from_type} and {direction.to_type} cannot be associated"


def _label_results(call: Call, direction: Direction, pair: Pair) -> list[str]:
    number = '"' if call.portal.unknowns.object_ids == "string" else ""
    labels = bodies.dumps([t.label for t in pair.types if t.label is not None])
    return [
        f'{{"fromObjectTypeId":"{object_type_id(direction.from_type)}",'
        f'"fromObjectId":{number}{pair.from_id}{number},'
        f'"toObjectTypeId":"{object_type_id(direction.to_type)}",'
        f'"toObjectId":{number}{pair.to_id}{number},"labels":{labels}}}'
    ]


def _v3_results(call: Call, direction: Direction, pair: Pair) -> list[str]:
    """v3 lists both directions."""
    there = pair.types[0]
    listed = [_v3_result(pair.from_id, pair.to_id, there)]
    back = _inverse(call, direction, there)
    if back is not None:
        listed.append(_v3_result(pair.to_id, pair.from_id, back))
    return listed


def _v3_result(from_id: int, to_id: int, type_def: TypeDef) -> str:
    name = bodies.dumps(type_def.v3_name)
    return f'{{"from":{{"id":"{from_id}"}},"to":{{"id":"{to_id}"}},"type":{name}}}'


def _default_results(call: Call, direction: Direction, pair: Pair) -> list[str]:
    there = direction.unlabelled
    assert there is not None, "checked before anything is written"
    listed = [_default_result(pair.from_id, pair.to_id, there)]
    back = _inverse(call, direction, there)
    if back is not None and call.portal.unknowns.default_results == "both":
        listed.append(_default_result(pair.to_id, pair.from_id, back))
    return listed


def _default_result(from_id: int, to_id: int, type_def: TypeDef) -> str:
    return (
        f'{{"from":{{"id":"{from_id}"}},"to":{{"id":"{to_id}"}},"associationSpec":'
        f'{{"associationCategory":"{type_def.category}","associationTypeId":{type_def.type_id}}}}}'
    )


def _inverse(call: Call, direction: Direction, type_def: TypeDef) -> TypeDef | None:
    if type_def.inverse is None:
        return None
    back = call.portal.graph.catalog.direction(direction.to_type, direction.from_type)
    return back.types.get(type_def.inverse)
