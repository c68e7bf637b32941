"""Every operation by name: what answers it, and the scope it needs.

Knows: which part answers what. Does not know: how.
"""

from hubassoc_async.emulator import bodies, definitions, objects, reads, writes
from hubassoc_async.emulator.call import Call, Handler
from hubassoc_async.emulator.pages import Pages
from hubassoc_async.protocol.message import Response


def read(call: Call) -> Response:
    """Batch read."""
    unknowns = call.portal.unknowns
    inputs = reads.read_inputs(call.asked.body, call.version.read_inputs, unknowns.too_many_inputs)
    call.asked.count = len(inputs)
    reader = _reader(call)
    results, errors = reader.batch(
        inputs, circle=call.fault == "repeated_cursor", stale=call.fault == "stale"
    )
    return reads.response(results, errors, call.started, call.started)


def list_one(call: Call) -> Response:
    """The associations of one record."""
    call.asked.count = 1
    text = _reader(call).one(
        call.asked.parts["from_id"], call.asked.query, stale=call.fault == "stale"
    )
    return bodies.json_response(200, text)


def _reader(call: Call) -> reads.Reader:
    portal = call.portal
    from_type, to_type = call.types
    key = call.version.name, from_type, to_type
    found = portal.readers.get(key)
    if found is None:
        relation = portal.graph.relation(from_type, to_type)
        pages = Pages(relation, call.version.shape, portal.unknowns)
        found = portal.readers[key] = reads.Reader(pages, call.version, portal.unknowns)
    return found


OPERATIONS: dict[str, tuple[Handler, str]] = {
    "read": (read, "read"),
    "list": (list_one, "read"),
    "create": (writes.create, "write"),
    "default": (writes.default, "write"),
    "archive": (writes.archive, "write"),
    "archive_labels": (writes.archive_labels, "write"),
    "put": (writes.put, "write"),
    "put_default": (writes.put_default, "write"),
    "delete": (writes.delete, "write"),
    "labels": (definitions.labels, "read"),
    "define_label": (definitions.define_label, "write"),
    "rename_label": (definitions.rename_label, "write"),
    "drop_label": (definitions.drop_label, "write"),
    "types": (definitions.types, "read"),
    "all_caps": (definitions.all_caps, "read"),
    "caps": (definitions.caps, "read"),
    "create_caps": (definitions.create_caps, "write"),
    "update_caps": (definitions.update_caps, "write"),
    "purge_caps": (definitions.purge_caps, "write"),
    "usage": (definitions.usage, "read"),
    "objects": (objects.objects, "read"),
    "search": (objects.search, "read"),
}
"""What answers an operation, and whether it needs to read or to write the objects of its path."""
