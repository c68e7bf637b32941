"""Writing on the wire: bodies of create, default and archive, v3's and those of v4 and later.

Knows: field names. Does not know: paths, limits, which answer means what for whom.

Bodies are put together as text: ids are digits by then, and a portal has a handful of distinct
types, whose JSON is made once.
"""

from collections.abc import Callable, Iterable
from typing import Any, Final, Literal

import msgspec
from msgspec import Struct

from hubassoc_async.errors import ProtocolError
from hubassoc_async.model import AssociationType, Pair, WriteOperation
from hubassoc_async.protocol.links import Change


class Done(Struct, gc=False):
    """One entry of an answer's ``results``. Several may stand for one input."""

    pair: Pair
    labels: tuple[str, ...] = ()
    types: tuple[AssociationType, ...] = ()


class LinkError(Struct, gc=False):
    """One entry of an answer's ``errors``, with what its ``context`` names."""

    category: str
    sub_category: str | None
    message: str
    from_ids: tuple[str, ...] = ()
    to_ids: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()
    """Records named without saying from or to: missing objects."""
    object_types: tuple[str, ...] = ()
    """Their types, in HubSpot's spelling."""


class WriteAnswer(Struct, gc=False):
    """The body of a write that HubSpot did not refuse as a whole."""

    status: str = "COMPLETE"
    done: list[Done] = []
    errors: list[LinkError] = []
    error_count: int = 0
    """``numErrors``, or how many errors are listed if those are more."""


class _Context(Struct, gc=False, rename="camel"):
    from_object_id: Any = None
    to_object_id: Any = None
    id: Any = None
    object_type: Any = None


class _Error(Struct, gc=False, rename="camel"):
    category: str | None = None
    sub_category: Any = None  # published as an object, seen as a string
    message: str | None = None
    context: Any = None


class _Ref(Struct, gc=False):
    id: str | int


class _Labelled(Struct, gc=False, rename="camel"):
    from_object_id: str | int  # published str, seen as int
    to_object_id: str | int
    labels: list[str | None] | None = None


class _Spec(Struct, gc=False, rename="camel"):
    association_category: str
    association_type_id: int


class _Linked(Struct, gc=False, rename="camel"):
    """v3's result, and that of create default."""

    from_: _Ref = msgspec.field(name="from")
    to: _Ref
    association_spec: _Spec | None = None


class _Body(Struct, gc=False, rename="camel"):
    status: str
    errors: list[_Error] | None = None
    num_errors: int | None = None


class _LabelledBody(_Body, gc=False):
    results: list[_Labelled] = []


class _LinkedBody(_Body, gc=False):
    results: list[_Linked] = []


_decode_labelled = msgspec.json.Decoder(_LabelledBody).decode
_decode_linked = msgspec.json.Decoder(_LinkedBody).decode
_decode_void = msgspec.json.Decoder(_Body).decode
_TYPES_REMEMBERED: Final = 4096


class WriteCodec:
    """Encodes the inputs of one operation, and decodes its answers."""

    def __init__(
        self,
        operation: WriteOperation,
        shape: Literal["v3", "v4"],
        v3_name: Callable[[AssociationType], str | None] | None = None,
    ) -> None:
        """``v3_name`` spells types, for v3 alone."""
        self._v3_name = v3_name
        self._types: dict[tuple[AssociationType, ...], str] = {}
        self._answered: dict[tuple[str, int], tuple[AssociationType, ...]] = {}
        self._grouped = operation == "archive" and shape != "v3"
        self._typed = operation in ("create", "archive_labels") or shape == "v3"
        self._decode: Callable[[bytes], _Body] = _decode_void
        if operation == "create_default" or (operation == "create" and shape == "v3"):
            self._decode = _decode_linked
        elif operation == "create":
            self._decode = _decode_labelled

    def encode(self, changes: Iterable[Change]) -> bytes:
        """Encode the inputs of one request."""
        if self._grouped:
            groups: dict[str, list[str]] = {}
            for change in changes:
                groups.setdefault(change.pair[0], []).append(change.pair[1])
            inputs = [
                f'{{"from":{{"id":"{from_id}"}},"to":[{_refs(to_ids)}]}}'
                for from_id, to_ids in groups.items()
            ]
        elif self._typed:
            known = self._types
            inputs = [
                f'{{"from":{{"id":"{c.pair[0]}"}},"to":{{"id":"{c.pair[1]}"}},'
                f"{known.get(c.types) or self._learn(c.types)}}}"
                for c in changes
            ]
        else:
            inputs = [
                f'{{"from":{{"id":"{c.pair[0]}"}},"to":{{"id":"{c.pair[1]}"}}}}' for c in changes
            ]
        return f'{{"inputs":[{",".join(inputs)}]}}'.encode()

    def decode(self, body: bytes) -> WriteAnswer:
        """Decode an answer; a 2xx without a body says nothing. Raises ``ProtocolError``."""
        if not body.strip():
            return WriteAnswer()
        try:
            batch = self._decode(body)
        except msgspec.ValidationError as error:
            raise ProtocolError(f"batch write answer: {error}") from None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            size = len(body)
            raise ProtocolError(
                f"batch write answer of {size} bytes is not JSON: {error}"
            ) from None
        errors = [_link_error(error) for error in batch.errors or ()]
        if isinstance(batch, _LabelledBody):
            done = [_labelled(result) for result in batch.results]
        elif isinstance(batch, _LinkedBody):
            done = [self._linked(result) for result in batch.results]
        else:
            done = []
        return WriteAnswer(batch.status, done, errors, max(batch.num_errors or 0, len(errors)))

    def _learn(self, types: tuple[AssociationType, ...]) -> str:
        """Spell types as the rest of an input."""
        if self._v3_name is not None:
            (one,) = types
            spelt = f'"type":{msgspec.json.encode(self._v3_name(one)).decode()}'
        else:
            spelt = f'"types":{encode_types(types).decode()}'
        if len(self._types) >= _TYPES_REMEMBERED:
            self._types.clear()
        self._types[types] = spelt
        return spelt

    def _linked(self, result: _Linked) -> Done:
        spec = result.association_spec
        types: tuple[AssociationType, ...] = ()
        if spec is not None:  # the same for nearly all: shared
            key = spec.association_category, spec.association_type_id
            types = self._answered.get(key) or ()
            if not types:
                types = (AssociationType(*key),)
                if len(self._answered) < _TYPES_REMEMBERED:
                    self._answered[key] = types
        return Done((str(result.from_.id), str(result.to.id)), (), types)


def encode_types(types: Iterable[AssociationType]) -> bytes:
    """Encode association types as create has them, and a PUT of one pair."""
    return msgspec.json.encode(
        [{"associationCategory": one.category, "associationTypeId": one.type_id} for one in types]
    )


def _refs(ids: Iterable[str]) -> str:
    return ",".join(f'{{"id":"{object_id}"}}' for object_id in ids)


def _labelled(result: _Labelled) -> Done:
    pair = str(result.from_object_id), str(result.to_object_id)
    return Done(pair, tuple(filter(None, result.labels or ())))


def _link_error(error: _Error) -> LinkError:
    try:
        context = msgspec.convert(error.context, _Context)
    except msgspec.ValidationError:
        context = _Context()
    return LinkError(
        error.category or "UNKNOWN",
        error.sub_category if isinstance(error.sub_category, str) else None,
        error.message or "HubSpot gave no message",
        _texts(context.from_object_id),
        _texts(context.to_object_id),
        _texts(context.id),
        _texts(context.object_type),
    )


def _texts(value: object) -> tuple[str, ...]:
    values = value if isinstance(value, list) else () if value is None else (value,)
    return tuple(str(one) for one in values if isinstance(one, str | int))
