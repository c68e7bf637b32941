"""Every operation by name: what answers it, and the scope it needs.

Knows: which part answers what. Does not know: how.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from msgspec import Struct

from hubassoc_async.emulator import bodies, reads
from hubassoc_async.emulator.calls import Asked
from hubassoc_async.emulator.pages import Pages
from hubassoc_async.emulator.refusals import Refused, batch_inputs, text_field
from hubassoc_async.protocol.message import Response
from hubassoc_async.protocol.versions import ApiVersion

if TYPE_CHECKING:
    from hubassoc_async.emulator.portal import Portal


class Call(Struct):
    """A request that has passed token, limit and scope."""

    portal: "Portal"
    asked: Asked
    version: ApiVersion
    types: list[str]
    """The object types of the path, from and to, by their one name."""
    started: str
    """Its moment, as ``startedAt`` has it."""
    fault: str = ""
    """A fault that the answer itself has to show."""


Handler: TypeAlias = Callable[[Call], Response]


def read(call: Call) -> Response:
    """Batch read."""
    unknowns = call.portal.unknowns
    inputs = batch_inputs(call.asked.body, call.version.read_inputs, unknowns.too_many_inputs)
    call.asked.count = len(inputs)
    for item in inputs:
        if type(item.get("id")) is not str:
            item["id"] = text_field(item, "id")
        if item.get("after") is not None and type(item["after"]) is not str:
            item["after"] = text_field(item, "after")
    reader = _reader(call)
    results, errors = reader.batch(inputs, circle=call.fault == "repeated_cursor")
    return reads.response(results, errors, call.started, call.started)


def list_one(call: Call) -> Response:
    """The associations of one record."""
    call.asked.count = 1
    text = _reader(call).one(call.asked.parts["from_id"], call.asked.query)
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


def missing(call: Call) -> Response:
    """An operation of a path that this portal knows and does not answer."""
    raise Refused(404, f"No resource at {call.asked.path}")


OPERATIONS: dict[str, tuple[Handler, str]] = {
    "read": (read, "read"),
    "list": (list_one, "read"),
}
