"""Holds a request or a response against HubSpot's published OpenAPI files, and names what differs.

Stricter than the files: a field that they do not name is a difference too. Knows: OpenAPI. Does
not know: which differences are allowed, nor anything of client or portal.
"""

import json
import re
from collections.abc import Iterator
from copy import deepcopy
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs
from uuid import UUID

from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import ValidationError

from hubassoc_async.protocol.message import Request, Response

FORMATS = FormatChecker(())
VERSION = re.compile(r"/(v\d+|\d{4}-\d{2})/")  # not the betas
METHODS = ("get", "post", "put", "patch", "delete")


def _int32(value: object) -> bool:
    return not isinstance(value, int) or -(2**31) <= value < 2**31


def _date_time(value: object) -> bool:
    return not isinstance(value, str) or datetime.fromisoformat(value).tzinfo is not None


def _uuid(value: object) -> bool:
    return not isinstance(value, str) or str(UUID(value)) == value.lower()


FORMATS.checks("int32")(_int32)
FORMATS.checks("date-time", raises=ValueError)(_date_time)
FORMATS.checks("uuid", raises=ValueError)(_uuid)


class Difference(NamedTuple):
    """One way in which a message is not as published."""

    operation: str
    """Version, method and the end of the path."""
    status: int
    """Of the response; 0 for a request."""
    where: str
    """Path of the field, ``[]`` for every index."""
    what: str


class Operation(NamedTuple):
    """One operation of a published file."""

    name: str
    method: str
    pattern: re.Pattern[str]
    query: frozenset[str]
    body: dict[str, Any] | None
    answers: dict[str, dict[str, Any] | None]
    components: dict[str, Any]


class Judge:
    """Every operation in a folder of OpenAPI files."""

    def __init__(self, folder: Path) -> None:
        self.operations: list[Operation] = []
        for path in sorted(folder.rglob("*.json")):
            self.operations.extend(_operations(path))
        # the most literal path first: …/default/… is no object type
        self.operations.sort(key=lambda one: one.pattern.pattern.count("[^/]+"))

    def find(self, request: Request) -> Operation | None:
        """Find the operation that a request is for."""
        for one in self.operations:
            if one.method == request.method and one.pattern.fullmatch(request.path):
                return one
        return None

    def request(self, request: Request) -> set[Difference]:
        """Say in what a request is not as published."""
        operation = self.find(request)
        if operation is None:
            return {Difference(f"{request.method} {request.path}", 0, "path", "unpublished")}
        found = {
            (f"query.{name}", "unpublished")
            for name in parse_qs(request.query, strict_parsing=bool(request.query))
            if name not in operation.query
        }
        if operation.body is None:
            if request.body is not None:
                found.add(("body", "unpublished"))
        else:
            found |= set(_validate(request.body or b"", operation.body, operation))
        return {Difference(operation.name, 0, *each) for each in found}

    def response(self, request: Request, response: Response) -> set[Difference]:
        """Say in what a response to a request is not as published."""
        operation = self.find(request)
        if operation is None:
            return set()  # the request has been complained of
        found: set[tuple[str, str]] = set()
        status = str(response.status)
        if status in operation.answers:
            schema = operation.answers[status]
        elif response.status >= 400:
            schema = operation.answers["default"]
        else:
            found.add(("status", "unpublished"))
            schema = next(body for code, body in operation.answers.items() if code[0] == "2")
        if schema is not None:
            found |= set(_validate(response.body, schema, operation))
        elif response.body:
            found.add(("body", "unpublished"))
        return {Difference(operation.name, response.status, *each) for each in found}


def _operations(path: Path) -> Iterator[Operation]:
    document = json.loads(path.read_text(encoding="utf-8"))
    components = _strict(deepcopy(document["components"]))
    for template, methods in document["paths"].items():
        found = VERSION.search(template)
        if found is None:
            continue
        version = found[1]
        pattern = "".join(
            "[^/]+" if part.startswith("{") else re.escape(part)
            for part in re.split(r"(\{[^}]+\})", template)
        )
        tail = template[1:].replace(f"{version}/", "")
        for method in METHODS:
            if method not in methods:
                continue
            one = methods[method]
            answers = {
                status: _body(_resolved(answer, components))
                for status, answer in one["responses"].items()
            }
            yield Operation(
                f"{version} {method.upper()} {_short(tail)}",
                method.upper(),
                re.compile(pattern),
                frozenset(p["name"] for p in one.get("parameters", ()) if p["in"] == "query"),
                _body(one.get("requestBody", {})),
                answers,
                components,
            )


def _short(tail: str) -> str:
    """Name an operation by the end of its path, which tells it from others of its version."""
    for end in ("batch/", "associations/", "labels", "definitions/", "usage/", "types"):
        if end in tail:
            return re.sub(r"\{[^}]+\}", "*", tail[tail.rindex(end) :])
    return tail


def _resolved(answer: dict[str, Any], components: dict[str, Any]) -> dict[str, Any]:
    reference = answer.get("$ref")
    found = answer if reference is None else components["responses"][reference.rpartition("/")[2]]
    assert isinstance(found, dict)
    return found


def _body(message: dict[str, Any]) -> dict[str, Any] | None:
    content = message.get("content") or {}
    schemas = [_strict(deepcopy(media["schema"])) for media in content.values()]
    return schemas[0] if schemas else None


def _strict(node: Any) -> Any:
    """Forbid, in place, the fields that an object's schema does not name."""
    if isinstance(node, dict):
        if node.get("properties") and "additionalProperties" not in node:
            node["additionalProperties"] = False
        for value in node.values():
            _strict(value)
    elif isinstance(node, list):
        for value in node:
            _strict(value)
    return node


def _validate(
    body: bytes, schema: dict[str, Any], operation: Operation
) -> Iterator[tuple[str, str]]:
    try:
        instance = json.loads(body)
    except ValueError:
        yield "body", "not JSON"
        return
    whole = {**schema, "components": operation.components}
    for error in Draft202012Validator(whole, format_checker=FORMATS).iter_errors(instance):
        yield from _said(error)


def _said(error: ValidationError) -> Iterator[tuple[str, str]]:
    """Put a validation error as where and what, the same for every index."""
    where = "".join("[]" if isinstance(part, int) else f".{part}" for part in error.path)[1:]
    if error.validator == "required":
        for name in error.validator_value:
            if name not in error.instance:
                yield f"{where}.{name}".lstrip("."), "absent"
    elif error.validator == "additionalProperties":
        for name in error.instance.keys() - error.schema["properties"].keys():
            yield f"{where}.{name}".lstrip("."), "unpublished"
    elif error.validator == "type":
        yield where, f"{type(error.instance).__name__}, not {error.validator_value}"
    else:
        yield where, f"not the {error.validator} {error.validator_value}"
