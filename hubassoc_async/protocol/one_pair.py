"""Requests of one pair or one record, for services that have just one.

Knows: paths' ends, bodies, what an answer holds. Does not know: who sends, retries, batches.
"""

from typing import Any
from urllib.parse import quote, unquote, urlencode

from msgspec import Struct

from hubassoc_async.errors import ApiError
from hubassoc_async.model import AssociationType, Written
from hubassoc_async.protocol.call import Call, decoded, nothing
from hubassoc_async.protocol.message import Request
from hubassoc_async.protocol.versions import ApiVersion
from hubassoc_async.protocol.wire import Page, ReadCodec
from hubassoc_async.protocol.write_wire import WriteAnswer, WriteCodec, encode_types


class _Labels(Struct, rename="camel"):
    labels: list[str | None] | None = None


def put_pair(
    version: ApiVersion,
    ends: tuple[str, str, str, str],
    types: tuple[AssociationType, ...],
) -> Call[Written]:
    """Set the labels of one pair; ``ends`` as in ``ApiVersion.pair_path``."""

    def decode(body: bytes) -> Written:
        labels = decoded(body, _Labels, "labels of a pair").labels or ()
        return Written(ends[1], ends[3], types, tuple(filter(None, labels)))

    return Call(Request("PUT", version.pair_path(*ends), body=encode_types(types)), decode)


def put_default(version: ApiVersion, ends: tuple[str, str, str, str]) -> Call[Written]:
    """Associate one pair by the default type. Errors come inside a 200."""
    codec = WriteCodec("create_default", version.shape)

    def decode(body: bytes) -> Written:
        answer = codec.decode(body)
        _check(answer)
        there = [done.types for done in answer.done if done.pair == (ends[1], ends[3])]
        return Written(ends[1], ends[3], there[0] if there else ())

    return Call(Request("PUT", version.pair_path(*ends, default=True)), decode)


def delete_pair(version: ApiVersion, ends: tuple[str, str, str, str]) -> Call[None]:
    """Remove everything between one pair."""
    return Call(Request("DELETE", version.pair_path(*ends)), nothing)


def list_page(
    version: ApiVersion,
    codec: ReadCodec[Any],
    from_object_type: str,
    object_id: str,
    to_object_type: str,
    after: str | None,
) -> Call[Page]:
    """List some associations of one record, from a cursor on."""
    query: dict[str, str | int] = {"limit": version.list_limit}
    if after is not None:
        query["after"] = unquote(after)  # it comes percent-encoded

    def decode(body: bytes) -> Page:
        return codec.decode_list(object_id, body).pages[0]

    path = version.list_path(from_object_type, object_id, to_object_type)
    return Call(Request("GET", path, urlencode(query, quote_via=quote)), decode)


def _check(answer: WriteAnswer) -> None:
    if answer.errors:
        error = answer.errors[0]
        raise ApiError(error.message, category=error.category, sub_category=error.sub_category)
    if answer.status != "COMPLETE" or not answer.done:
        raise ApiError(f"HubSpot answered {answer.status} and wrote nothing")
