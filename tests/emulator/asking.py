"""Requests to a portal, written by hand: never by the client."""

import json
from typing import Any

from hubassoc_async.emulator import Portal
from hubassoc_async.protocol.message import Request, Response

HEADERS = {"authorization": "Bearer pat-na1-test"}
ASSOCIATIONS = {
    "v3": "/crm/v3/associations",
    "v4": "/crm/v4/associations",
    "2025-09": "/crm/associations/2025-09",
    "2026-03": "/crm/associations/2026-03",
    "2026-09": "/crm/associations/2026-09",
}
OBJECTS = {
    "v3": "/crm/v3/objects",
    "v4": "/crm/v4/objects",
    "2025-09": "/crm/objects/2025-09",
    "2026-03": "/crm/objects/2026-03",
    "2026-09": "/crm/objects/2026-09",
}
VERSIONS = list(ASSOCIATIONS)
LATER = VERSIONS[1:]
"""Those with the shape of v4."""


def batch_request(
    operation: str, inputs: Any, *, version: str = "2026-03", pair: str = "contacts/companies"
) -> Request:
    """A batch request; inputs may be ids, for a read."""
    if isinstance(inputs, (list, tuple)):
        inputs = [{"id": i} if isinstance(i, str) else i for i in inputs]
    body = json.dumps({"inputs": inputs}).encode()
    return Request("POST", f"{ASSOCIATIONS[version]}/{pair}/batch/{operation}", "", body)


def batch(
    portal: Portal,
    operation: str,
    inputs: Any,
    *,
    version: str = "2026-03",
    pair: str = "contacts/companies",
    now: float = 0.0,
) -> Response:
    """Ask for a batch operation."""
    request = batch_request(operation, inputs, version=version, pair=pair)
    return portal.handle(request, HEADERS, now).response


def read(portal: Portal, *inputs: Any, **how: Any) -> Any:
    """The decoded body of a batch read."""
    return json.loads(batch(portal, "read", inputs, **how).body)


def ask(
    portal: Portal,
    method: str,
    path: str,
    body: Any = None,
    *,
    query: str = "",
    now: float = 0.0,
) -> Response:
    """Ask for anything."""
    encoded = None if body is None else json.dumps(body).encode()
    return portal.handle(Request(method, path, query, encoded), HEADERS, now).response
