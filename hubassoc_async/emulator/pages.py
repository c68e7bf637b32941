"""One page of one record's associations, as the JSON of ``to``.

Bytes are joined from fragments that are made once a kind, around ids that a compiled encoder
writes: ``str`` of an id past int32 takes 250 ns, and an answer of a thousand inputs, with some ten
thousand ids, has to be written faster than a client reads it.

Knows: rows, both wire shapes, paging. Does not know: requests, envelopes, errors.
"""

import json
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from typing import Literal, TypeAlias

import msgspec

from hubassoc_async.emulator.cursors import Place
from hubassoc_async.emulator.settings import Unknowns
from hubassoc_async.emulator.storage import Relation, Row, kinds_of, wire_order

Shape: TypeAlias = Literal["v3", "v4"]
Link: TypeAlias = tuple[tuple[bool, int], int]
"""One association of one type, in paging order: (wire order of the type, id)."""

KEPT_ROWS = 64
"""Sorted rows that a relation keeps, for records that are being paged through."""


_encode = msgspec.json.Encoder().encode


class BadCursor(ValueError):
    """The cursor is not one of this record's."""


class Pages:
    """Writes the associations of one direction in one shape."""

    def __init__(self, relation: Relation, shape: Shape, unknowns: Unknowns) -> None:
        self.relation = relation
        self.shape = shape
        self.by_type = unknowns.cursor_order == "type"
        self.stale_refused = unknowns.stale_cursor == "refused"
        self.primary_only = (
            shape == "v3"
            and unknowns.v3_companies == "primary"
            and relation.direction.to_type == "company"
        )
        quote = '"' if shape == "v3" or unknowns.object_ids == "string" else ""
        self._head = f'{{"{"id" if shape == "v3" else "toObjectId"}":{quote}'.encode()
        self._quote = quote
        self._tails: list[bytes] = []
        self._joins: list[bytes] = []
        self._revision = -1
        self._widest = 1
        self._kept: dict[int, tuple[int, list[Link]]] = {}

    def rows(self, *, stale: bool = False) -> Callable[[int], Row | None]:
        """What gives the row that this version shows of a record.

        ``stale``: of what the record was before its last write.
        """
        quickest = self.relation.rows()
        row = self.relation.past_row if stale else quickest
        if len(self._tails) != len(self.relation.kinds) or self._revision != self._now():
            self._make_fragments()
        if not self.primary_only:
            return row

        def primary(from_id: int) -> Row | None:
            found = row(from_id)
            return None if found is None else self._primary(found)

        return primary

    def whole(self, row: Row, limit: int) -> bytes | None:
        """Everything, if it is surely one page; None where it takes a closer look."""
        ids, runs = row
        if self._widest * len(ids) > limit or self.shape == "v3":
            return None
        listed = _encode(ids.tolist() if isinstance(ids, array) else ids)[1:-1]
        if len(runs) == 1:
            kind = runs[0][0]
            return self._head + listed.replace(b",", self._joins[kind]) + self._tails[kind]
        parts: list[bytes] = []
        for kind, count in runs[:-1]:
            *some, listed = listed.split(b",", count)
            parts += (self._head, self._joins[kind].join(some), self._tails[kind], b",")
        kind = runs[-1][0]
        parts += (self._head, listed.replace(b",", self._joins[kind]), self._tails[kind])
        return b"".join(parts)

    def page(
        self,
        from_id: int,
        row: Row,
        limit: int,
        after: Place | None = None,
        *,
        stale: bool = False,
    ) -> tuple[bytes, Place | None]:
        """The page after a place, and the place where it ends, None if it is the last.

        Raises ``BadCursor`` for a place that is none of this record's.
        """
        ids, runs = row
        kind = runs[0][0]
        if len(runs) == 1 and len(self.relation.kinds[kind]) == 1:
            return self._page_of_one_type(ids, kind, limit, after)
        links = self._sort(row) if stale else self._links(from_id, row)
        return self._page_of_links(links, limit, after)

    def _now(self) -> int:
        return self.relation.direction.revision

    def _page_of_one_type(
        self, ids: Sequence[int], kind: int, limit: int, after: Place | None
    ) -> tuple[bytes, Place | None]:
        key = self.relation.kinds[kind][0]
        start = 0
        if after is not None:
            start = bisect_right(ids, after[1])
            known = start > 0 and ids[start - 1] == after[1]
            if after[0] != key or (self.stale_refused and not known):
                raise BadCursor
        if start == 0 and len(ids) <= limit:
            page: Sequence[int] = ids
            last = True
        else:
            page = ids[start : start + limit]
            last = start + limit >= len(ids)
        return self._run(page, kind), None if last else (key, page[-1])

    def _run(self, ids: Sequence[int], kind: int) -> bytes:
        if not ids:
            return b""
        listed = _encode(list(ids))[1:-1].replace(b",", self._joins[kind])
        return self._head + listed + self._tails[kind]

    def _page_of_links(
        self, links: list[Link], limit: int, after: Place | None
    ) -> tuple[bytes, Place | None]:
        start = 0 if after is None else self._find(links, after)
        page = links[start : start + limit]
        last = None if start + limit >= len(links) else page[-1]
        place = None if last is None else (-last[0][1] if last[0][0] else last[0][1], last[1])
        if self.shape == "v3":
            return b",".join(self._v3_entry(link) for link in page), place
        merged: dict[int, list[int]] = {}
        for (own, type_id), to_id in page:
            merged.setdefault(to_id, []).append(-type_id if own else type_id)
        runs = (self._run((to,), self._kind(keys)) for to, keys in merged.items())
        return b",".join(runs), place

    def _find(self, links: list[Link], after: Place) -> int:
        wanted = wire_order(after[0]), after[1]
        if self.by_type:
            start = bisect_left(links, wanted)
        else:
            start = bisect_left(links, (wanted[1], wanted[0]), key=lambda link: (link[1], link[0]))
        known = start < len(links) and links[start] == wanted
        if after[0] not in self.relation.direction.types or (self.stale_refused and not known):
            raise BadCursor
        return start + known

    def _links(self, from_id: int, row: Row) -> list[Link]:
        version = self.relation.version
        kept = self._kept.get(from_id)
        if kept is not None and kept[0] == version:
            return kept[1]
        links = self._sort(row)
        if len(self._kept) >= KEPT_ROWS:
            self._kept.pop(next(iter(self._kept)))
        self._kept[from_id] = version, links
        return links

    def _sort(self, row: Row) -> list[Link]:
        kinds = [tuple(wire_order(key) for key in kind) for kind in self.relation.kinds]
        links = [
            (order, to)
            for to, kind in zip(row[0], kinds_of(row[1]), strict=True)
            for order in kinds[kind]
        ]
        links.sort(key=None if self.by_type else lambda link: (link[1], link[0]))
        return links

    def _kind(self, keys: list[int]) -> int:
        kind = self.relation.kind(set(keys))
        if kind >= len(self._tails):
            self._make_fragments()
        return kind

    def _v3_entry(self, link: Link) -> bytes:
        (own, type_id), to_id = link
        type_def = self.relation.direction.types[-type_id if own else type_id]
        return f'{{"id":"{to_id}","type":{json.dumps(type_def.v3_name)}}}'.encode()

    def _make_fragments(self) -> None:
        self._revision = self._now()
        self._tails = [self._tail(kind) for kind in self.relation.kinds]
        self._joins = [tail + b"," + self._head for tail in self._tails]
        self._widest = max(map(len, self.relation.kinds), default=1)

    def _tail(self, kind: tuple[int, ...]) -> bytes:
        types = [self.relation.direction.types[key] for key in kind if self._known(key)]
        if self.shape == "v3":
            return f'","type":{json.dumps(types[0].v3_name)}}}'.encode()
        listed = [{"category": t.category, "typeId": t.type_id, "label": t.label} for t in types]
        text = json.dumps(listed, separators=(",", ":"), ensure_ascii=False)
        return f'{self._quote},"associationTypes":{text}}}'.encode()

    def _known(self, key: int) -> bool:
        return key in self.relation.direction.types

    def _primary(self, row: Row) -> Row | None:
        types = self.relation.direction.types
        exclusive = {key for key, type_def in types.items() if type_def.exclusive}
        if not exclusive:
            return row
        kinds = self.relation.kinds
        shown = {kind for kind, _ in row[1] if exclusive.intersection(kinds[kind])}
        ids = [i for i, kind in zip(row[0], kinds_of(row[1]), strict=True) if kind in shown]
        return (ids, tuple(run for run in row[1] if run[0] in shown)) if ids else None
