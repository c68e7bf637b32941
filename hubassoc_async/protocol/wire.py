"""JSON on the wire: one codec a wire shape, v3's and that of v4 and later.

Knows: field names, and how to make the model out of them. Does not know: paths, limits, or which
request a body answers.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final, Generic, Literal, TypeVar

import msgspec
from msgspec import Struct, field

from hubassoc_async.errors import ProtocolError
from hubassoc_async.model import Associations, ObjectAssociations
from hubassoc_async.protocol.associations import (
    Maker,
    PackedTypes,
    SharedTypes,
    V3Maker,
    V3To,
    V4To,
    unpacked,
)
from hubassoc_async.protocol.decoding import (
    decode,
    first_result,
    slice_end,
    without_slices,
)
from hubassoc_async.protocol.merging import merged
from hubassoc_async.protocol.steps import Steps

# How a record without associations is reported, in a 207 whose status is COMPLETE. The category
# beside it, OBJECT_NOT_FOUND, stands for real failures too. Observed on v3 and v4.
NO_ASSOCIATIONS: Final = "crm.associations.NO_ASSOCIATIONS_FOUND"

# Bytes of an answer after which others have a turn: some 4 ms, or 1,000 typical records.
_TURN = 512 * 2**10

To = TypeVar("To")
E = TypeVar("E")


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


class ReadCodec(Generic[To]):
    """Decodes the answers of one wire shape."""

    def __init__(
        self,
        batch: Callable[[bytes], _Batch[To, _Error]],
        any_batch: Callable[[bytes], _Batch[To, _AnyError]],
        results: Callable[[bytes], list[_Result[To]]],
        listed: Callable[[bytes], _List[To]],
        maker: Maker[To],
    ) -> None:
        """All but the last are decoders."""
        self._batch = batch
        self._any_batch = any_batch
        self._results = results
        self._list = listed
        self._associations, self._whole = maker.associations, maker.whole
        self.outcome = maker.outcome
        """Makes the outcome of an id from all of its associations."""

    def decode_batch(self, body: bytes) -> Steps[Answer]:
        """Decode a batch read, a very large one in steps. Raises ``ProtocolError``."""
        if first := first_result(body):
            with suppress(ProtocolError):  # then the whole says what it means, or what is wrong
                return (yield from self._decode_slices(body, first))
        batch = self._decode(body)
        answer = Answer(batch.status, [], [], [], [])
        return self._finish(answer, self._add(batch.results, answer), batch.errors)

    def _decode_slices(self, body: bytes, first: int) -> Steps[Answer]:
        answer = Answer("", [], [], [], [])
        ids: list[str] = []
        whole = memoryview(body)
        start, turn = first, first if len(body) > _TURN else len(body)
        while end := slice_end(body, start):
            if start >= turn:
                yield
                turn += _TURN
            part = b"".join((b"[", whole[start:end], b"]"))
            results = decode(self._results, part, "batch read results")
            ids += self._add(results, answer)
            start = end + 1
            del results  # not beside the next ones
        batch = self._decode(without_slices(body, first, start))
        answer.status = batch.status
        ids += self._add(batch.results, answer)
        return self._finish(answer, ids, batch.errors)

    def _decode(self, body: bytes) -> _Batch[To, _Error] | _Batch[To, _AnyError]:
        try:
            return self._batch(body)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return decode(self._any_batch, body, "batch read answer")

    def _add(self, results: list[_Result[To]], answer: Answer) -> list[str]:
        """Put results into an answer; returns the ids that they are of."""
        if any([result.paging for result in results]):  # noqa: C419  a list takes half the time
            return self._add_some(results, answer)
        ids = [str(result.from_.id) for result in results]  # str() of a str is itself
        answer.whole += self._whole(ids, [result.to for result in results])
        return ids

    def _add_some(self, results: list[_Result[To]], answer: Answer) -> list[str]:
        """Put results into an answer of which some go on."""
        whole, wire, pages, ids = [], [], [], []
        for result in results:
            ids.append(str(result.from_.id))
            if result.paging is None or result.paging.next is None:
                whole.append(ids[-1])
                wire.append(result.to)
            else:
                pages.append((ids[-1], result.to, result.paging.next.after))
        answer.whole += self._whole(whole, wire)
        each = self._associations([to for _, to, _ in pages])
        for (object_id, _, after), to in zip(pages, each, strict=True):
            answer.pages.append(Page(object_id, to, after))
        return ids

    def _finish(
        self, answer: Answer, ids: list[str], errors: Sequence[_Error | _AnyError] | None
    ) -> Answer:
        if len(set(ids)) < len(ids):
            _unite(answer)
        for error in errors or ():
            _sort(error, answer)
        return answer

    def decode_list(self, object_id: str, body: bytes) -> Answer:
        """Decode the GET list of one record: one page. Raises ``ProtocolError``."""
        listed = decode(self._list, body, "association list")
        after = None
        if listed.paging is not None and listed.paging.next is not None:
            after = listed.paging.next.after
        (to,) = self._associations([listed.results])
        page = Page(object_id, to, after)
        return Answer(listed.status, [], [page], [], [])


def read_codec(shape: Literal["v3", "v4"], *, packed: bool = False) -> ReadCodec[Any]:
    """Return the codec of a wire shape, with a memory of association types of its own.

    ``packed``: makes ``PackedAssociations``, where the shape has numbers.
    """
    to: Any = V3To if shape == "v3" else V4To
    maker: Maker[Any] = V3Maker() if shape == "v3" else PackedTypes() if packed else SharedTypes()
    decoder = msgspec.json.Decoder
    return ReadCodec(
        decoder(_Batch[to, _Error]).decode,
        decoder(_Batch[to, _AnyError]).decode,
        decoder(list[_Result[to]]).decode,
        decoder(_List[to]).decode,
        maker,
    )


def _unite(answer: Answer) -> None:
    """Unite the entries of an object that an answer lists more than once.

    Raises ``ProtocolError`` where their cursors differ.
    """
    united: dict[str, Page] = {}
    entries = [Page(one.from_object_id, unpacked(one), None) for one in answer.whole]
    for page in (*entries, *answer.pages):
        first = united.setdefault(page.object_id, page)
        if first is not page:
            if first.after and page.after and first.after != page.after:
                raise ProtocolError(f"two cursors for {page.object_id} in one batch read answer")
            first.to = merged((*first.to, *page.to))
            first.after = first.after or page.after
    answer.whole, answer.pages = [], list(united.values())


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
