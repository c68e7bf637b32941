"""HubSpot's OpenAPI files as a judge, and each difference that is allowed, with its reason."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

Spec = dict[str, Any]


class Difference(NamedTuple):
    """One way in which the wire is known to differ from the files."""

    reason: str
    allow: Callable[[Spec], None]


def schemas(spec: Spec, *names: str) -> Iterator[Spec]:
    """The schemas of these names that a file has."""
    for name in names:
        if name in spec["components"]["schemas"]:
            yield spec["components"]["schemas"][name]


def responses(spec: Spec, ending: str) -> Iterator[Spec]:
    """The responses of the operations whose path ends so."""
    for path, operations in spec["paths"].items():
        for operation in operations.values():
            if path.endswith(ending) and isinstance(operation, dict):
                yield operation["responses"]


def _integer_ids(spec: Spec) -> None:
    for schema in schemas(spec, "MultiAssociatedObjectWithLabel", "LabelsBetweenObjectPair"):
        for name in ("toObjectId", "fromObjectId"):
            if name in schema["properties"]:
                schema["properties"][name] = {"anyOf": [{"type": "string"}, {"type": "integer"}]}


def _null_labels(spec: Spec) -> None:
    names = ("AssociationSpecWithLabel", "PublicAssociationDefinitionUserConfiguration")
    for schema in schemas(spec, *names):
        schema["properties"]["label"]["nullable"] = True


def _item_errors(spec: Spec) -> None:
    for schema in schemas(spec, "StandardError"):
        schema["required"] = ["category", "context", "message", "status"]
        schema["properties"]["subCategory"] = {"type": "string"}


def _no_category(spec: Spec) -> None:
    for schema in schemas(spec, "Error"):
        schema["required"] = ["correlationId", "message"]


def _statuses(ending: str, known: str, *more: str) -> Callable[[Spec], None]:
    def allow(spec: Spec) -> None:
        for found in responses(spec, ending):
            for status in more:
                found.setdefault(status, found.get(known) or found["201"])

    return allow


DIFFERENCES = (
    Difference("toObjectId and fromObjectId are integers on the wire (seen on v4)", _integer_ids),
    Difference("label is null for unlabelled types (seen)", _null_labels),
    Difference(
        "an item's error has a string as subCategory, and neither errors nor links (seen)",
        _item_errors,
    ),
    Difference("an unknown object type is a 400 without category (seen)", _no_category),
    Difference(
        "2026-09 publishes 200 alone, an artefact of its generator: read answers 207 (seen on v4)",
        _statuses("/batch/read", "200", "207"),
    ),
    Difference(
        "2026-09 publishes 200 alone for create: it answers 201 and 207 (seen on v4); where a"
        " status is CANCELED (seen on a sibling) it is not created, hence 200",
        _statuses("/batch/create", "200", "200", "201", "207"),
    ),
)
"""Everything else is as published."""

UNSERVED = {"associations-2026-09-beta.json": "a beta version, for which 2026-09 is served"}
"""Files that do not judge, each with its reason."""

FROM_TYPES = ["contacts", "CONTACT", "0-1", "deal", "widgets"]
TO_TYPES = ["companies", "company", "0-2", "COMPANIES", "0-9999"]
IDS = ["1", "2", "3", "101", "102", "103", "777"]
TYPE_IDS = [1, 5, 279, 341]


def _one_of(values: list[Any]) -> Spec:
    return {"type": "string" if isinstance(values[0], str) else "integer", "enum": values}


PARTS: Spec = {
    "id": _one_of(IDS),
    "after": _one_of(["", "0", "2", "MC0yNzktMTAy", "MC0xLTEwMQ==", "MC0xLTEwMQ%3D%3D"]),
    "limit": _one_of([1, 2, 200, 500, 501]),
    "associationTypeId": _one_of(TYPE_IDS),
    "typeId": _one_of(TYPE_IDS),
    "associationCategory": _one_of(["HUBSPOT_DEFINED"]),
    "category": _one_of(["HUBSPOT_DEFINED"]),
    "type": _one_of(["contact_to_company", "deal_to_company", "x"]),
    "maxToObjectIds": {"type": "integer", "format": "int32", "minimum": 0},
    "propertyName": _one_of(["hs_object_id"]),
    "value": _one_of(IDS),
    "highValue": _one_of(IDS),
    "sorts": {"type": "array", "items": _one_of(["hs_object_id", "-hs_object_id"])},
}
"""What parts of requests are made of, by name, so that many of them mean something."""


def _steer(spec: Spec) -> None:
    """Make requests likely to mean something. Nothing that judges an answer changes."""
    for operations in spec["paths"].values():
        for operation in operations.values():
            for parameter in operation.get("parameters", ()):
                name = parameter["name"]
                if name.lower().endswith("objecttype"):
                    parameter["schema"] = _one_of(TO_TYPES if name[:2] == "to" else FROM_TYPES)
                elif name.lower().endswith("objectid"):
                    parameter["schema"] = _one_of(IDS)
                elif name in PARTS:
                    parameter["schema"] = PARTS[name]
            for content in operation.get("requestBody", {}).get("content", {}).values():
                content["schema"] = _steered(spec, content["schema"])


def _steered(spec: Spec, schema: Spec) -> Spec:
    """A copy of a request's schema, without references, its parts replaced."""
    if "$ref" in schema:
        schema = spec["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    made = dict(schema)
    if "properties" in made:
        made["properties"] = {
            name: PARTS[name] if name in PARTS else _steered(spec, part)
            for name, part in made["properties"].items()
        }
    if "items" in made:
        made["items"] = _steered(spec, made["items"])
        made["minItems"] = 1
        made["maxItems"] = 4
    return made


def _without_examples(value: Any) -> Any:
    """The files have ``"example": null`` everywhere, which means nothing."""
    if isinstance(value, list):
        return [_without_examples(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        name: _without_examples(item)
        for name, item in value.items()
        if not (name == "example" and item is None)
    }


def load(path: Path) -> Spec:
    """A file, with what is allowed and with steered requests."""
    spec: Spec = _without_examples(json.loads(path.read_text("utf-8")))
    for difference in DIFFERENCES:
        difference.allow(spec)
    _steer(spec)
    return spec
