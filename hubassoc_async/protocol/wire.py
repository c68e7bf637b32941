"""JSON on the wire: one codec a wire shape, v3's and that of v4 and later.

Knows: field names, and how to make the model out of them. Does not know: paths, limits, or which
request a body answers.

Association types come over the wire once an association, and a portal has a handful of distinct
ones: they are taken as raw bytes and looked up, so that equal types are one tuple in memory
(144 bytes an association instead of 541, for the same CPU).
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Generic, Literal, TypeVar

import msgspec
from msgspec import Raw, Struct, field

from hubassoc_async.errors import ProtocolError
from hubassoc_async.model import Association, AssociationType
from hubassoc_async.protocol.v3_names import v3_association_type

T = TypeVar("T")
To = TypeVar("To")

_TYPES_REMEMBERED = 4096  # distinct type lists; portals have tens, a hostile server could have more


class Page(Struct, gc=False):
    """What one answer says of one object: some of its associations, and where to go on."""

    object_id: str
    to: list[Association]
    after: str | None


class ItemError(Struct, gc=False):
    """One entry of an answer's ``errors``."""

    category: str
    sub_category: str | None
    message: str
    object_ids: tuple[str, ...]
    """Ids of records the error names as its own, in the from role or in no role."""


class Answer(Struct, gc=False):
    """The body of a batch operation that HubSpot did not refuse as a whole."""

    status: str
    pages: list[Page]
    errors: list[ItemError]


def encode_read(inputs: Mapping[str, str | None]) -> bytes:
    """Encode the inputs of a batch read, id to ``after``, the same in every version."""
    return msgspec.json.encode(
        {
            "inputs": [
                {"id": object_id} if after is None else {"id": object_id, "after": after}
                for object_id, after in inputs.items()
            ]
        }
    )


class _Ref(Struct, gc=False):
    id: str | int


class _Next(Struct, gc=False):
    after: str  # `link` stands beside it: deprecated, and never followed


class _Paging(Struct, gc=False):
    next: _Next | None = None


class _Error(Struct, gc=False, rename="camel"):
    category: str | None = None
    sub_category: Any = None  # published as an object, seen as a string
    message: str | None = None
    context: Any = None


class _V4To(Struct, gc=False):
    to_object_id: str | int = field(name="toObjectId")  # published str, seen as int
    association_types: Raw = field(name="associationTypes")


class _V3To(Struct, gc=False):
    id: str | int
    type: str


class _Result(Struct, Generic[To], gc=False):
    from_: _Ref = field(name="from")
    to: list[To]
    paging: _Paging | None = None


class _Batch(Struct, Generic[To], gc=False):
    status: str
    results: list[_Result[To]]
    errors: list[_Error] | None = None


class _List(Struct, Generic[To], gc=False):
    results: list[To]
    status: str = "COMPLETE"  # a list has none; whatever says otherwise is no list
    paging: _Paging | None = None


class _Type(Struct, gc=False):
    category: str
    type_id: int = field(name="typeId")
    label: str | None = None


_decode_types = msgspec.json.Decoder(list[_Type]).decode


class ReadCodec(Generic[To]):
    """Decodes the answers of one wire shape."""

    def __init__(
        self,
        decode_batch: Callable[[bytes], _Batch[To]],
        decode_list: Callable[[bytes], _List[To]],
        associations: Callable[[list[To]], list[Association]],
    ) -> None:
        self._batch = decode_batch
        self._list = decode_list
        self._associations = associations

    def decode_batch(self, body: bytes) -> Answer:
        """Decode a batch read. Raises ``ProtocolError``."""
        batch = _decode(self._batch, body, "batch read answer")
        associations = self._associations
        pages = [
            Page(_text(result.from_.id), associations(result.to), _after(result.paging))
            for result in batch.results
        ]
        return Answer(batch.status, pages, _item_errors(batch.errors))

    def decode_list(self, object_id: str, body: bytes) -> Answer:
        """Decode the GET list of one record. Raises ``ProtocolError``."""
        listed = _decode(self._list, body, "association list")
        page = Page(object_id, self._associations(listed.results), _after(listed.paging))
        return Answer(listed.status, [page], [])


def read_codec(shape: Literal["v3", "v4"]) -> ReadCodec[Any]:
    """Return the codec of a wire shape, with a memory of association types of its own."""
    if shape == "v3":
        return ReadCodec(
            msgspec.json.Decoder(_Batch[_V3To]).decode,
            msgspec.json.Decoder(_List[_V3To]).decode,
            lambda wire: [Association(_text(to.id), v3_association_type(to.type)) for to in wire],
        )
    return ReadCodec(
        msgspec.json.Decoder(_Batch[_V4To]).decode,
        msgspec.json.Decoder(_List[_V4To]).decode,
        _SharedTypes().associations,
    )


class _SharedTypes:
    """Makes associations whose equal type lists are one tuple."""

    def __init__(self) -> None:
        self._types: dict[bytes, tuple[AssociationType, ...]] = {}

    def associations(self, wire: list[_V4To]) -> list[Association]:
        known = self._types.get
        out = []
        for to in wire:
            raw = bytes(to.association_types)
            to_id = to.to_object_id
            out.append(
                Association(
                    to_id if to_id.__class__ is str else str(to_id),  # _text, in line: hot
                    known(raw) or self._learn(raw),
                )
            )
        return out

    def _learn(self, raw: bytes) -> tuple[AssociationType, ...]:
        types = tuple(
            AssociationType(wire.category, wire.type_id, wire.label)
            for wire in _decode(_decode_types, raw, "associationTypes")
        )
        if len(self._types) >= _TYPES_REMEMBERED:
            self._types.clear()
        self._types[raw] = types
        return types


def _decode(decoder: Callable[[bytes], T], body: bytes, what: str) -> T:
    try:
        return decoder(body)
    except msgspec.ValidationError as error:
        raise ProtocolError(f"{what}: {error}") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ProtocolError(f"{what} of {len(body)} bytes is not JSON: {error}") from None


def _text(wire_id: str | int) -> str:
    return wire_id if isinstance(wire_id, str) else str(wire_id)


def _after(paging: _Paging | None) -> str | None:
    return paging.next.after if paging is not None and paging.next is not None else None


def _item_errors(errors: Iterable[_Error] | None) -> list[ItemError]:
    return [
        ItemError(
            error.category or "UNKNOWN",
            error.sub_category if isinstance(error.sub_category, str) else None,
            error.message or "HubSpot gave no message",
            context_ids(error.context),
        )
        for error in errors or ()
    ]


def context_ids(context: object) -> tuple[str, ...]:
    """Return the record ids that an error's ``context`` names: ``fromObjectId``, else ``id``."""
    if not isinstance(context, dict):
        return ()
    named = context.get("fromObjectId") or context.get("id") or ()
    if not isinstance(named, list):
        named = (named,)
    return tuple(str(value) for value in named)
