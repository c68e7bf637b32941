"""JSON on the wire: one codec a wire shape, v3's and that of v4 and later.

Knows: field names, and how to make the model out of them. Does not know: paths, limits, or which
request a body answers.

Association types come over the wire once an association, and a portal has a handful of distinct
ones: they are taken as raw bytes and looked up, so that equal types are one tuple in memory
(144 bytes an association instead of 541, for the same CPU).
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, Generic, Literal, TypeVar

import msgspec
from msgspec import Raw, Struct, field

from hubassoc_async.errors import ProtocolError
from hubassoc_async.model import (
    Association,
    Associations,
    AssociationType,
    AssociationTypes,
    ObjectAssociations,
    merged,
)
from hubassoc_async.protocol.v3_names import v3_association_type

# How a record without associations is reported, in a 207 whose status is COMPLETE. The category
# beside it, OBJECT_NOT_FOUND, stands for real failures too. Observed on v3 and v4.
NO_ASSOCIATIONS: Final = "crm.associations.NO_ASSOCIATIONS_FOUND"

T = TypeVar("T")
To = TypeVar("To")
E = TypeVar("E")

_TYPES_REMEMBERED = 4096  # distinct type lists; portals have tens, a hostile server could have more


class Page(Struct, gc=False):
    """What one answer says of one object: some of its associations, and where to go on."""

    object_id: str
    to: Associations
    """Each associated record once."""
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
    whole: list[ObjectAssociations]
    """Objects that are listed from some cursor to their end: no object is here or in ``pages``
    twice."""
    pages: list[Page]
    """Objects that go on, or whose place in the paging the body does not tell."""
    none: list[str]
    """Ids that an error says have no associations."""
    errors: list[ItemError]
    """All other errors."""


def encode_read(inputs: Mapping[str, str | None]) -> bytes:
    """Encode the inputs of a batch read, id to ``after``, the same in every version."""
    if not any(inputs.values()):  # ids are digits: to join them is a tenth of encoding them
        return b'{"inputs":[{"id":"' + '"},{"id":"'.join(inputs).encode() + b'"}]}'
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


class _AnyError(Struct, gc=False, rename="camel"):
    category: str | None = None
    sub_category: Any = None  # published as an object, seen as a string
    message: str | None = None
    context: Any = None


class _Context(Struct, gc=False, rename="camel"):
    from_object_id: list[str] = field(default_factory=list)
    id: list[str] = field(default_factory=list)


class _Error(Struct, gc=False, rename="camel"):
    """As errors are seen: a third of the CPU of ``_AnyError``, which takes whatever comes."""

    category: str | None = None
    sub_category: str | None = None
    message: str | None = None
    context: _Context | None = None


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


class _Batch(Struct, Generic[To, E], gc=False):
    status: str
    results: list[_Result[To]]
    errors: list[E] | None = None


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
        decode_batch: Callable[[bytes], _Batch[To, _Error]],
        decode_any_batch: Callable[[bytes], _Batch[To, _AnyError]],
        decode_list: Callable[[bytes], _List[To]],
        associations: Callable[[list[To]], Associations],
    ) -> None:
        self._batch = decode_batch
        self._any_batch = decode_any_batch
        self._list = decode_list
        self._associations = associations

    def decode_batch(self, body: bytes) -> Answer:
        """Decode a batch read. Raises ``ProtocolError``."""
        batch: _Batch[To, _Error] | _Batch[To, _AnyError]
        try:
            batch = self._batch(body)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            batch = _decode(self._any_batch, body, "batch read answer")
        answer = Answer(batch.status, [], [], [], [])
        associations = self._associations
        for result in batch.results:
            to = associations(result.to)
            object_id = str(result.from_.id)  # str() of a str is itself
            if result.paging is None or result.paging.next is None:
                answer.whole.append(ObjectAssociations(object_id, to))
            else:
                answer.pages.append(Page(object_id, to, result.paging.next.after))
        objects = {one.from_object_id for one in answer.whole}
        objects.update([page.object_id for page in answer.pages])
        if len(objects) < len(batch.results):
            _unite(answer)
        for error in batch.errors or ():
            _sort(error, answer)
        return answer

    def decode_list(self, object_id: str, body: bytes) -> Answer:
        """Decode the GET list of one record: one page. Raises ``ProtocolError``."""
        listed = _decode(self._list, body, "association list")
        after = None
        if listed.paging is not None and listed.paging.next is not None:
            after = listed.paging.next.after
        page = Page(object_id, self._associations(listed.results), after)
        return Answer(listed.status, [], [page], [], [])


def read_codec(shape: Literal["v3", "v4"]) -> ReadCodec[Any]:
    """Return the codec of a wire shape, with a memory of association types of its own."""
    if shape == "v3":
        return ReadCodec(
            msgspec.json.Decoder(_Batch[_V3To, _Error]).decode,
            msgspec.json.Decoder(_Batch[_V3To, _AnyError]).decode,
            msgspec.json.Decoder(_List[_V3To]).decode,
            _v3_associations,
        )
    return ReadCodec(
        msgspec.json.Decoder(_Batch[_V4To, _Error]).decode,
        msgspec.json.Decoder(_Batch[_V4To, _AnyError]).decode,
        msgspec.json.Decoder(_List[_V4To]).decode,
        _SharedTypes().associations,
    )


def _v3_associations(wire: list[_V3To]) -> Associations:
    return merged(Association(str(to.id), v3_association_type(to.type)) for to in wire)


class _SharedTypes(dict[bytes, AssociationTypes]):
    """Association types by their bytes, decoded when they are first looked up."""

    def __missing__(self, raw: bytes) -> AssociationTypes:
        types = tuple(
            AssociationType(wire.category, wire.type_id, wire.label)
            for wire in _decode(_decode_types, raw, "associationTypes")
        )
        if len(self) >= _TYPES_REMEMBERED:
            self.clear()
        self[raw] = types
        return types

    def associations(self, wire: list[_V4To]) -> Associations:
        """Make what callers hold. Hot: a dict finds out at no cost whether an id comes twice."""
        made = {}
        for to in wire:
            to_id = str(to.to_object_id)
            made[to_id] = Association(to_id, self[bytes(to.association_types)])
        if len(made) == len(wire):
            return tuple(made.values())
        return merged(
            Association(str(to.to_object_id), self[bytes(to.association_types)]) for to in wire
        )


def _unite(answer: Answer) -> None:
    """Unite the entries of an object that an answer lists more than once.

    Raises ``ProtocolError`` where their cursors differ.
    """
    united: dict[str, Page] = {}
    entries = [Page(one.from_object_id, one.to, None) for one in answer.whole]
    for page in (*entries, *answer.pages):
        first = united.setdefault(page.object_id, page)
        if first is not page:
            if first.after and page.after and first.after != page.after:
                raise ProtocolError(f"two cursors for {page.object_id} in one batch read answer")
            first.to = merged((*first.to, *page.to))
            first.after = first.after or page.after
    answer.whole, answer.pages = [], list(united.values())


def _decode(decoder: Callable[[bytes], T], body: bytes, what: str) -> T:
    try:
        return decoder(body)
    except msgspec.ValidationError as error:
        raise ProtocolError(f"{what}: {error}") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ProtocolError(f"{what} of {len(body)} bytes is not JSON: {error}") from None


def _sort(error: _Error | _AnyError, answer: Answer) -> None:
    """Put an item's error where it belongs: among ``none`` or among ``errors``."""
    ids = context_ids(error.context)
    if error.sub_category == NO_ASSOCIATIONS and ids:
        answer.none += ids
        return
    sub_category = error.sub_category if isinstance(error.sub_category, str) else None
    message = error.message or "HubSpot gave no message"
    answer.errors.append(ItemError(error.category or "UNKNOWN", sub_category, message, ids))


def context_ids(context: object) -> tuple[str, ...]:
    """Return the record ids that an error's ``context`` names: ``fromObjectId``, else ``id``."""
    if isinstance(context, _Context):
        return tuple(context.from_object_id or context.id)
    if not isinstance(context, dict):
        return ()
    named = context.get("fromObjectId") or context.get("id") or ()
    if not isinstance(named, list):
        named = (named,)
    return tuple(str(value) for value in named)
