"""JSON on the wire: one codec a wire shape, v3's and that of v4 and later.

Knows: field names, and how to make the model out of them. Does not know: paths, limits, or which
request a body answers.

Association types come over the wire once an association, and a portal has a handful of distinct
ones: they are taken as raw bytes and looked up, so that equal types are one tuple in memory
(144 bytes an association instead of 541, for less CPU). A page is made column by column, not
record by record: what runs in C for all of its associations at once costs half.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import chain
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
_TYPES_COMPARED = 16  # to compare bytes with so few costs a third of making a key and hashing it


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
        associations: Callable[[Sequence[list[To]]], list[Associations]],
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
        results = batch.results
        ids = [str(result.from_.id) for result in results]  # str() of a str is itself
        for result, object_id, to in zip(
            results, ids, self._associations([result.to for result in results]), strict=True
        ):
            if result.paging is None or result.paging.next is None:
                answer.whole.append(ObjectAssociations(object_id, to))
            else:
                answer.pages.append(Page(object_id, to, result.paging.next.after))
        if len(set(ids)) < len(ids):
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
        (to,) = self._associations([listed.results])
        page = Page(object_id, to, after)
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


def _v3_associations(wire: Sequence[list[_V3To]]) -> list[Associations]:
    return [
        merged(Association(str(to.id), v3_association_type(to.type)) for to in one) for one in wire
    ]


class _SharedTypes(dict[bytes, AssociationTypes]):
    """Association types by their bytes, decoded when they are first looked up."""

    def __init__(self) -> None:
        self._first: list[Raw] = []  # the first few, and what they mean
        self._meaning: list[AssociationTypes] = []

    def __missing__(self, raw: bytes) -> AssociationTypes:
        types = tuple(
            AssociationType(wire.category, wire.type_id, wire.label)
            for wire in _decode(_decode_types, raw, "associationTypes")
        )
        if len(self) >= _TYPES_REMEMBERED:
            self.clear()
        if len(self._first) < _TYPES_COMPARED:
            self._first.append(Raw(raw))
            self._meaning.append(types)
        self[raw] = types
        return types

    def associations(self, wire: Sequence[list[_V4To]]) -> list[Associations]:
        """Make what callers hold: a list of each record's associations, of many records."""
        flat = list(chain.from_iterable(wire))
        to_ids = [str(to.to_object_id) for to in flat]
        made = tuple(
            map(Association, to_ids, self._types_of([to.association_types for to in flat]))
        )
        each: list[Associations] = []
        end = 0
        for to in wire:
            start, end = end, end + len(to)
            own = made[start:end]
            twice = len(own) > 1 and len(set(to_ids[start:end])) < len(own)
            each.append(merged(own) if twice else own)
        return each

    def _types_of(self, raws: list[Raw]) -> list[AssociationTypes]:
        place, meaning = self._first.index, self._meaning
        try:
            return [meaning[place(raw)] for raw in raws]
        except ValueError:  # types that are new, or that are more than are compared
            return [self[bytes(raw)] for raw in raws]


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
