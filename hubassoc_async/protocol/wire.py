"""JSON on the wire: one codec a wire shape, v3's and that of v4 and later.

Knows: field names, and how to make the model out of them. Does not know: paths, limits, or which
request a body answers.

Association types come over the wire once an association, and a portal has a handful of distinct
ones: they are taken as raw bytes and looked up, so that equal types are one tuple in memory
(144 bytes an association instead of 541, for the same CPU).
"""

from collections.abc import Callable, Iterable, Mapping
from itertools import chain, islice
from operator import attrgetter
from typing import Any, Generic, Literal, TypeVar

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

T = TypeVar("T")
To = TypeVar("To")
V = TypeVar("V")
C = TypeVar("C")

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


_FROM_ID_OF = attrgetter("from_.id")
_TO_OF = attrgetter("to")
_PAGING_OF = attrgetter("paging")
_TYPES_OF = attrgetter("association_types")
_decode_types = msgspec.json.Decoder(list[_Type]).decode


class ReadCodec(Generic[To]):
    """Decodes the answers of one wire shape."""

    def __init__(
        self,
        decode_batch: Callable[[bytes], _Batch[To]],
        decode_list: Callable[[bytes], _List[To]],
        id_of: Callable[[To], str | int],
        types_of: Callable[[list[To]], list[AssociationTypes]],
    ) -> None:
        self._batch = decode_batch
        self._list = decode_list
        self._id_of = id_of
        self._types_of = types_of

    def decode_batch(self, body: bytes) -> Answer:
        """Decode a batch read. Raises ``ProtocolError``."""
        batch = _decode(self._batch, body, "batch read answer")
        # All results at once: 3,300 associations in a few passes of C, not in a thousand loops.
        results = batch.results
        tos = list(map(_TO_OF, results))
        lengths = list(map(len, tos))
        to_ids, associations = self._associations(list(chain.from_iterable(tos)))
        cut = _cut(tuple, associations, lengths)
        # Twice in one list is twice in the answer: the quicker look comes first.
        if len(set(to_ids)) < len(to_ids) and _cut(_distinct, to_ids, lengths) != lengths:
            cut = list(map(merged, cut))
        object_ids = list(map(str, map(_FROM_ID_OF, results)))
        answer = Answer(batch.status, [], [], _item_errors(batch.errors))
        answer.whole = list(map(ObjectAssociations, object_ids, cut))
        if any(map(_PAGING_OF, results)):
            _set_pages_apart(answer, results)
        if len(set(object_ids)) < len(object_ids):
            _unite(answer)
        return answer

    def decode_list(self, object_id: str, body: bytes) -> Answer:
        """Decode the GET list of one record: one page. Raises ``ProtocolError``."""
        listed = _decode(self._list, body, "association list")
        _, associations = self._associations(listed.results)
        after = (
            None if listed.paging is None or not listed.paging.next else listed.paging.next.after
        )
        return Answer(listed.status, [], [Page(object_id, merged(associations), after)], [])

    def _associations(self, wire: list[To]) -> tuple[list[str], list[Association]]:
        to_ids = list(map(str, map(self._id_of, wire)))  # str() leaves a str as it is
        return to_ids, list(map(Association, to_ids, self._types_of(wire)))


def read_codec(shape: Literal["v3", "v4"]) -> ReadCodec[Any]:
    """Return the codec of a wire shape, with a memory of association types of its own."""
    if shape == "v3":
        return ReadCodec(
            msgspec.json.Decoder(_Batch[_V3To]).decode,
            msgspec.json.Decoder(_List[_V3To]).decode,
            attrgetter("id"),
            lambda wire: [v3_association_type(to.type) for to in wire],
        )
    return ReadCodec(
        msgspec.json.Decoder(_Batch[_V4To]).decode,
        msgspec.json.Decoder(_List[_V4To]).decode,
        attrgetter("to_object_id"),
        _SharedTypes(),
    )


class _SharedTypes:
    """Decodes association types such that equal ones are one tuple."""

    def __init__(self) -> None:
        self.known: dict[bytes, AssociationTypes] = {}

    def __call__(self, wire: list[_V4To]) -> list[AssociationTypes]:
        raws = list(map(bytes, map(_TYPES_OF, wire)))
        types = list(map(self.known.get, raws))
        if all(types):
            return types  # type: ignore[return-value]
        return [self.known.get(raw) or self._learn(raw) for raw in raws]

    def _learn(self, raw: bytes) -> AssociationTypes:
        types = tuple(
            AssociationType(wire.category, wire.type_id, wire.label)
            for wire in _decode(_decode_types, raw, "associationTypes")
        )
        if len(self.known) >= _TYPES_REMEMBERED:
            self.known.clear()
        self.known[raw] = types
        return types


def _cut(into: Callable[[Iterable[V]], C], values: Iterable[V], lengths: list[int]) -> list[C]:
    """Cut a list into consecutive pieces of given lengths."""
    left = iter(values)
    return [into(islice(left, length)) for length in lengths]


def _distinct(values: Iterable[str]) -> int:
    return len(set(values))


def _after(paging: _Paging | None) -> str | None:
    return paging.next.after if paging is not None and paging.next is not None else None


def _set_pages_apart(answer: Answer, results: list[_Result[To]]) -> None:
    """Move the objects that go on from ``whole`` to ``pages``."""
    entries, answer.whole = answer.whole, []
    for one, result in zip(entries, results, strict=True):
        after = _after(result.paging)
        if after is None:
            answer.whole.append(one)
        else:
            answer.pages.append(Page(one.from_object_id, one.to, after))


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
