"""What was asked: the path of a request turned into an operation, and the log of requests.

Knows: the paths of FACTS that the version table spells out. Does not know: what is answered.
"""

import re
from collections import Counter, deque
from collections.abc import Iterator
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qs, unquote

import msgspec
from msgspec import Struct

from hubassoc_async.protocol.message import Request
from hubassoc_async.protocol.versions import VERSIONS, ApiVersion


class Asked(Struct, kw_only=True):
    """One request as the portal saw it."""

    time: float
    """Seconds since the portal's epoch at which it arrived."""
    method: str
    path: str
    query: str = ""
    operation: str = "unknown"
    version: str = ""
    from_object_type: str = ""
    """As the path spelled it."""
    to_object_type: str = ""
    parts: dict[str, str] = {}
    """Every part of the path that varies, decoded."""
    app: str = ""
    body: bytes | None = None
    """None also where the log keeps no bodies."""
    count: int = 0
    """Number of inputs."""
    status: int = 0
    """0: none was sent."""
    fault: str = ""
    """The fault it met, if any."""

    @property
    def inputs(self) -> list[Any]:
        """The inputs of the body, or [] where there are none to be read."""
        try:
            decoded = msgspec.json.decode(self.body or b"{}")
        except msgspec.DecodeError:
            return []
        inputs = decoded.get("inputs") if isinstance(decoded, dict) else None
        return inputs if isinstance(inputs, list) else []

    @property
    def ids(self) -> list[str]:
        """The id of each input of a read, in order."""
        return [str(i["id"]) for i in self.inputs if isinstance(i, dict) and "id" in i]


class Log:
    """The latest requests, and how many there were of each operation and status."""

    def __init__(self, limit: int, *, bodies: bool = True) -> None:
        self.requests: deque[Asked] = deque(maxlen=limit)
        self.bodies = bodies
        self.operations: Counter[str] = Counter()
        self.statuses: Counter[int] = Counter()
        self.inputs = 0

    def add(self, asked: Asked) -> None:
        """Record a request that has been answered."""
        self.operations[asked.operation] += 1
        self.statuses[asked.status] += 1
        self.inputs += asked.count
        if not self.bodies:
            asked.body = None
        self.requests.append(asked)

    def clear(self) -> None:
        """Forget everything."""
        self.requests.clear()
        self.operations.clear()
        self.statuses.clear()
        self.inputs = 0


class Route(Struct, frozen=True):
    """One operation of one version."""

    operation: str
    method: str
    version: ApiVersion | None
    pattern: "re.Pattern[str]"


TOKEN_PATHS = ("/oauth/v1/token", "/oauth/v3/token", "/oauth/2026-03/token", "/oauth/2026-09/token")

BUCKETS: dict[str, str] = {
    "search": "search",
    "list": "general",
    "put": "general",
    "put_default": "general",
    "delete": "general",
    "objects": "general",
    "usage": "general",
}
"""Which bucket an operation draws on; the others draw on associations. Inferred from
``x-hubspot-rate-limit-exemptions`` in HubSpot's OpenAPI files of 2026-08-21."""


def query_of(query: str) -> dict[str, str]:
    """The parameters of a query, the last of each name."""
    return {name: values[-1] for name, values in parse_qs(query, keep_blank_values=True).items()}


@lru_cache(maxsize=4096)
def find_route(method: str, path: str) -> tuple[Route | None, dict[str, str], bool]:
    """The operation of a path, its varying parts, and whether another method would do."""
    other = False
    for route in _routes():
        match = route.pattern.fullmatch(path)
        if match is None:
            continue
        if route.method == method:
            return route, {name: unquote(part) for name, part in match.groupdict().items()}, False
        other = True
    return None, {}, other


def asked(request: Request, now: float) -> tuple[Asked, Route | None, bool]:
    """Recognise a request."""
    route, parts, other = find_route(request.method, request.path)
    seen = Asked(
        time=now,
        method=request.method,
        path=request.path,
        query=request.query,
        body=request.body,
        parts=parts,
    )
    if route is not None:
        seen.operation = route.operation
        seen.version = route.version.name if route.version else ""
        seen.from_object_type = parts.get("from_type", "")
        seen.to_object_type = parts.get("to_type", "")
    return seen, route, other


@lru_cache(maxsize=1)
def _routes() -> tuple[Route, ...]:
    found = [route for version in VERSIONS.values() for route in _routes_of(version)]
    oauth = (Route("oauth", "POST", None, re.compile(re.escape(path))) for path in TOKEN_PATHS)
    return (*found, *oauth)


def _routes_of(version: ApiVersion) -> Iterator[Route]:
    pair = f"{version.associations}/{{from_type}}/{{to_type}}"
    one = f"{version.objects}/{{from_type}}/{{from_id}}/associations"
    templates = [
        ("read", "POST", f"{pair}/batch/read"),
        ("create", "POST", f"{pair}/batch/create"),
        ("archive", "POST", f"{pair}/batch/archive"),
        ("list", "GET", f"{one}/{{to_type}}"),
        ("objects", "GET", f"{version.objects}/{{from_type}}"),
        ("search", "POST", f"{version.objects}/{{from_type}}/search"),
    ]
    if version.shape == "v3":
        templates.append(("types", "GET", f"{pair}/types"))
    else:
        templates += _later(version, pair, one)
    for operation, method, template in templates:
        yield Route(operation, method, version, _compile(template))


def _later(version: ApiVersion, pair: str, one: str) -> list[tuple[str, str, str]]:
    found = [
        ("default", "POST", f"{pair}/batch/associate/default"),
        ("archive_labels", "POST", f"{pair}/batch/labels/archive"),
        ("put_default", "PUT", f"{one}/default/{{to_type}}/{{to_id}}"),
        ("put", "PUT", f"{one}/{{to_type}}/{{to_id}}"),
        ("delete", "DELETE", f"{one}/{{to_type}}/{{to_id}}"),
        ("usage", "POST", f"{version.associations}/usage/high-usage-report/{{user_id}}"),
    ]
    # v4 publishes definitions at /crm/associations/v4, and HubSpot's SDK 12.0.0 finds them at
    # /crm/v4/associations: both have to work.
    for base in dict.fromkeys((version.definitions, version.associations)):
        found += _definitions(base)
    return found


def _definitions(base: str) -> list[tuple[str, str, str]]:
    labels = f"{base}/{{from_type}}/{{to_type}}/labels"
    caps = f"{base}/definitions/configurations"
    of_pair = f"{caps}/{{from_type}}/{{to_type}}"
    return [
        ("labels", "GET", labels),
        ("define_label", "POST", labels),
        ("rename_label", "PUT", labels),
        ("drop_label", "DELETE", f"{labels}/{{type_id}}"),
        ("all_caps", "GET", f"{caps}/all"),
        ("caps", "GET", of_pair),
        ("create_caps", "POST", f"{of_pair}/batch/create"),
        ("update_caps", "POST", f"{of_pair}/batch/update"),
        ("purge_caps", "POST", f"{of_pair}/batch/purge"),
    ]


def _compile(template: str) -> "re.Pattern[str]":
    parts = re.split(r"\{(\w+)\}", template)
    literal, names = parts[::2], parts[1::2]
    pattern = re.escape(literal[0])
    for name, text in zip(names, literal[1:], strict=True):
        pattern += f"(?P<{name}>[^/]+){re.escape(text)}"
    return re.compile(pattern)
