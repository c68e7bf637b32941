"""Batch read and the list of one record's associations.

Knows: inputs, pages, which input gets which error. Does not know: tokens, limits, faults.
"""

from random import Random
from typing import Any, Final

import msgspec
from msgspec import Struct

from hubassoc_async.emulator import bodies, cursors
from hubassoc_async.emulator.calls import query_of
from hubassoc_async.emulator.pages import BadCursor, Pages
from hubassoc_async.emulator.refusals import Refused, batch_inputs, check_size, text_field
from hubassoc_async.emulator.settings import Unknowns
from hubassoc_async.protocol.message import Response
from hubassoc_async.protocol.versions import ApiVersion

LIST_LIMIT: Final = 500
"""Most associations that a GET gives at once, whatever ``limit`` it asks for up to it."""
MOST_DIGITS: Final = 19
"""From here on a number may not fit 64 bits."""
LINK = "https://api.hubapi.com"
LAST_PAGE = {"absent": b"", "null": b',"paging":null', "prev": b',"paging":{"prev":null}'}


class ReadInput(Struct, gc=False):
    """One input of a batch read."""

    id: str
    after: str | None = None


class _Body(Struct):
    inputs: list[ReadInput] | None = None


_decode = msgspec.json.Decoder(_Body).decode


def read_inputs(body: bytes | None, most: int, too_many: int) -> list[ReadInput]:
    """The inputs of a batch read: at once where they are as published, else one by one."""
    try:
        inputs = _decode(body or b"").inputs
    except (msgspec.DecodeError, UnicodeDecodeError):
        return [_lenient(item) for item in batch_inputs(body, most, too_many)]
    if inputs is None:
        return []
    check_size(len(inputs), most, too_many)
    return inputs


def _lenient(item: dict[str, Any]) -> ReadInput:
    after = None if item.get("after") is None else text_field(item, "after")
    return ReadInput(text_field(item, "id"), after)


class Reader:
    """Answers the reads of one direction in one version."""

    def __init__(self, pages: Pages, version: ApiVersion, unknowns: Unknowns) -> None:
        self.pages = pages
        self.version = version
        self.unknowns = unknowns
        direction = pages.relation.direction
        self._types = direction.from_type, direction.to_type
        v3 = version.shape == "v3"
        self._page_size = unknowns.page_size_v3 if v3 else unknowns.page_size
        self._batch_pages = version.batch_read_pages
        self._last = LAST_PAGE[unknowns.last_page]

    def batch(
        self, inputs: list[ReadInput], *, circle: bool, stale: bool
    ) -> tuple[list[bytes], list[str]]:
        """The results and errors of a batch read.

        ``circle``: every cursor given is the one that was sent. ``stale``: rows are what they were.
        """
        results: list[bytes] = []
        errors: list[str] = []
        size, last, pageful = self._page_size, self._last, self._batch_pages
        rows, whole = self.pages.rows(stale=stale), self.pages.whole
        if self.unknowns.duplicate_ids == "once":
            inputs = _distinct(inputs)
        for item, from_id in zip(inputs, _numbers(inputs), strict=True):
            object_id = item.id
            row = None if from_id is None else rows(from_id)
            if row is None or from_id is None:
                errors.append(self._no_row(object_id, from_id))
                continue
            cursor = item.after if pageful else None
            text = None if cursor else whole(row, size)
            if text is not None:
                paging = last
            else:
                after = self._place(cursor)
                text, place = self._page(from_id, row, size, after, stale=stale)
                if circle and after is not None:
                    place = after
                paging = last if place is None else self._next(object_id, place)
            head = b'{"from":{"id":"' + object_id.encode()
            results.append(b"".join((head, b'"},"to":[', text, b"]", paging, b"}")))
        self._reorder(results)
        return results, errors

    def _no_row(self, object_id: str, from_id: int | None) -> str:
        if from_id is None:
            return bodies.invalid_identifier(object_id)
        from_type, to_type = self._types
        return bodies.no_associations(from_type, object_id, to_type)

    def one(self, object_id: str, query: str, *, stale: bool) -> bytes:
        """The body of a GET that lists one record's associations."""
        from_id = record_id(object_id)
        if from_id is None:
            raise Refused(400, f"{object_id} is not a valid object ID", "VALIDATION_ERROR")
        parameters = query_of(query)
        limit = list_limit(parameters.get("limit"), LIST_LIMIT, LIST_LIMIT)
        row = self.pages.rows(stale=stale)(from_id)
        if row is None:
            return b'{"results":[]}'
        cursor = parameters.get("after")
        after = self._place(cursor, percent=False) if cursor else None
        text, place = self._page(from_id, row, limit, after, stale=stale)
        paging = self._last if place is None else self._next(object_id, place)
        return b'{"results":[' + text + b"]" + paging + b"}"

    def _page(
        self, from_id: int, row: Any, size: int, after: cursors.Place | None, *, stale: bool
    ) -> tuple[bytes, cursors.Place | None]:
        try:
            return self.pages.page(from_id, row, size, after, stale=stale)
        except BadCursor:
            raise Refused(400, f"Invalid after cursor for {from_id}", "VALIDATION_ERROR") from None

    def _place(self, cursor: str | None, *, percent: bool = True) -> cursors.Place | None:
        if not cursor:
            return None
        place = cursors.read(cursor, percent=percent)
        if place is None:
            raise Refused(400, f"Invalid after cursor: {cursor}", "VALIDATION_ERROR")
        return place

    def _next(self, object_id: str, place: cursors.Place) -> bytes:
        from_type, to_type = self._types
        cursor = cursors.write(place, self.unknowns.cursor_encoding)
        link = f"{LINK}{self.version.list_path(from_type, object_id, to_type)}?after={cursor}"
        return f',"paging":{{"next":{{"after":"{cursor}","link":"{link}"}}}}'.encode()

    def _reorder(self, results: list[bytes]) -> None:
        if self.unknowns.result_order == "reversed":
            results.reverse()
        elif self.unknowns.result_order == "shuffled":
            Random(len(results)).shuffle(results)  # noqa: S311  an order, not a secret


def _distinct(inputs: list[ReadInput]) -> list[ReadInput]:
    """The inputs without those whose id came before; an id with a cursor is another page of it."""
    ids = [item.id for item in inputs]
    if len(set(ids)) == len(ids):
        return inputs
    first = {object_id: at for at, object_id in reversed(list(enumerate(ids)))}
    return [item for at, item in enumerate(inputs) if first[item.id] == at or item.after]


def _numbers(inputs: list[ReadInput]) -> list[int | None]:
    """The number of each input's id: all in one go where they are short and plain."""
    ids = [item.id for item in inputs]
    text = "".join(ids)
    short = max(map(len, ids), default=0) < MOST_DIGITS
    if text.isdigit() and text.isascii() and short and "" not in ids:
        return list(map(int, ids))
    return list(map(record_id, ids))


def record_id(spelling: str) -> int | None:
    """The number of a record, or None for what is no identifier."""
    if spelling.isdigit() and spelling.isascii() and len(spelling) < MOST_DIGITS:
        return int(spelling)
    return None


def list_limit(spelling: str | None, default: int, most: int) -> int:
    """The ``limit`` of a query. Raises ``Refused`` for one that is not within 1 and the most."""
    if spelling is None:
        return default
    limit = record_id(spelling)
    if limit is None or not 1 <= limit <= most:
        raise Refused(400, f"limit must be between 1 and {most}: {spelling}", "VALIDATION_ERROR")
    return limit


def response(results: list[bytes], errors: list[str], started: str, completed: str) -> Response:
    """200, or 207 as soon as one input has an error; either way ``status`` is COMPLETE."""
    body = bodies.batch(results, errors, started, completed)
    return bodies.json_response(207 if errors else 200, body)
