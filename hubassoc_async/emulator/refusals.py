"""Reasons to refuse a whole request, and the shape that ``inputs`` must have.

Knows: HubSpot's words. Does not know: operations, versions.
"""

from typing import Any

import msgspec

from hubassoc_async.emulator.bodies import error_response
from hubassoc_async.protocol.message import Response


class Refused(Exception):
    """The whole request is answered with an error."""

    def __init__(
        self, status: int, message: str, category: str | None = None, sub: str | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.category = category
        self.sub_category = sub

    def response(self, correlation_id: str) -> Response:
        """The answer."""
        return error_response(
            self.status,
            str(self),
            correlation_id,
            category=self.category,
            sub_category=self.sub_category,
        )


def decode(body: bytes | None) -> Any:
    """The JSON of a request. Raises ``Refused`` for what is not JSON."""
    try:
        return msgspec.json.decode(body or b"")
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        message = f"Invalid input JSON on line 1, column 1: {error}"
        raise Refused(400, message, "VALIDATION_ERROR") from None


def batch_inputs(body: bytes | None, most: int, too_many: int) -> list[dict[str, Any]]:
    """The inputs of a batch.

    A body without ``inputs`` is answered as an empty batch (seen live). Raises ``Refused`` for
    what is no list of objects, and for too many.
    """
    decoded = decode(body)
    if not isinstance(decoded, dict):
        raise _misshaped("the body", decoded)
    inputs = decoded.get("inputs")
    if inputs is None:
        return []
    if not isinstance(inputs, list):
        raise _misshaped("inputs", inputs)
    check_size(len(inputs), most, too_many)
    for item in inputs:
        if not isinstance(item, dict):
            raise _misshaped("an input", item)
    return inputs


def check_size(count: int, most: int, too_many: int) -> None:
    """Refuse a batch of too many inputs."""
    if count > most:
        message = f"The maximum number of inputs is {most}: there were {count}"
        raise Refused(too_many, message, "VALIDATION_ERROR")


def text_field(item: dict[str, Any], name: str) -> str:
    """A field that has to be a string; a number is taken as one.

    Raises ``Refused``: one misshaped input refuses the request it is in.
    """
    value = item.get(name)
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if value is None:
        raise Refused(400, f"Some required fields were not set: [{name}]", "VALIDATION_ERROR")
    raise _misshaped(name, value)


def object_field(item: dict[str, Any], name: str) -> dict[str, Any]:
    """A field that has to be an object."""
    value = item.get(name)
    if value is None:
        raise Refused(400, f"Some required fields were not set: [{name}]", "VALIDATION_ERROR")
    if not isinstance(value, dict):
        raise _misshaped(name, value)
    return value


def list_field(item: dict[str, Any], name: str) -> list[Any]:
    """A field that has to be a list."""
    value = item.get(name)
    if value is None:
        raise Refused(400, f"Some required fields were not set: [{name}]", "VALIDATION_ERROR")
    if not isinstance(value, list):
        raise _misshaped(name, value)
    return value


def number_field(item: dict[str, Any], name: str) -> int:
    """A field that has to be a whole number."""
    value = item.get(name)
    if value is None:
        raise Refused(400, f"Some required fields were not set: [{name}]", "VALIDATION_ERROR")
    if not isinstance(value, int) or isinstance(value, bool):
        raise _misshaped(name, value)
    return value


def _misshaped(what: str, value: object) -> Refused:
    kind = type(value).__name__
    message = f"Invalid input JSON on line 1, column 1: Cannot deserialize {what} from {kind}"
    return Refused(400, message, "VALIDATION_ERROR")
