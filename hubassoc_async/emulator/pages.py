"""One page of one record's associations, as the JSON text of ``to``.

Text is joined from fragments that are made once a kind: an answer of a thousand inputs has to be
written faster than any client reads it.

Knows: rows, both wire shapes, paging. Does not know: requests, envelopes, errors.
"""

import json
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import Literal, TypeAlias

from hubassoc_async.emulator.cursors import Place
from hubassoc_async.emulator.settings import Unknowns
from hubassoc_async.emulator.storage import Relation, Row, wire_order

Shape: TypeAlias = Literal["v3", "v4"]
Link: TypeAlias = tuple[tuple[bool, int], int]
"""One association of one type, in paging order: (wire order of the type, id)."""

KEPT_ROWS = 64
"""Sorted rows that a relation keeps, for records that are being paged through."""


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
        self._head = f'{{"{"id" if shape == "v3" else "toObjectId"}":{quote}'
        self._quote = quote
        self._tails: list[str] = []
        self._joins: list[str] = []
        self._revision = -1
        self._widest = 1
        self._kept: dict[int, tuple[int, list[Link]]] = {}

    def row(self, from_id: int, *, stale: bool = False) -> Row | None:
        """What this version shows of a record; ``stale``, of what it was before its last write."""
        row = self.relation.past_row(from_id) if stale else self.relation.row(from_id)
        return self._primary(row) if self.primary_only and row is not None else row

    def page(
        self,
        from_id: int,
        row: Row,
        limit: int,
        after: Place | None = None,
        *,
        stale: bool = False,
    ) -> tuple[str, Place | None]:
        """The page after a place, and the place where it ends, None if it is the last.

        Raises ``BadCursor`` for a place that is none of this record's.
        """
        if len(self._tails) != len(self.relation.kinds) or self._revision != self._now():
            self._make_fragments()
        ids, kinds = row
        kind = kinds[0]
        if kind == kinds[-1] and (self._widest == 1 or len(self.relation.kinds[kind]) == 1):
            return self._page_of_one_type(ids, kind, limit, after)
        if after is None and self.shape == "v4" and len(ids) * self._widest <= limit:
            return self._whole(row), None
        links = self._sort(row) if stale else self._links(from_id, row)
        return self._page_of_links(links, limit, after)

    def _now(self) -> int:
        return self.relation.direction.revision

    def _page_of_one_type(
        self, ids: Sequence[int], kind: int, limit: int, after: Place | None
    ) -> tuple[str, Place | None]:
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

    def _run(self, ids: Sequence[int], kind: int) -> str:
        if not ids:
            return ""
        return f"{self._head}{self._joins[kind].join(map(str, ids))}{self._tails[kind]}"

    def _whole(self, row: Row) -> str:
        ids, kinds = row
        runs = []
        start = 0
        while start < len(ids):
            kind = kinds[start]
            end = start + 1
            while end < len(ids) and kinds[end] == kind:
                end += 1
            runs.append(self._run(ids[start:end], kind))
            start = end
        return ",".join(runs)

    def _page_of_links(
        self, links: list[Link], limit: int, after: Place | None
    ) -> tuple[str, Place | None]:
        start = 0 if after is None else self._find(links, after)
        page = links[start : start + limit]
        last = None if start + limit >= len(links) else page[-1]
        place = None if last is None else (-last[0][1] if last[0][0] else last[0][1], last[1])
        if self.shape == "v3":
            return ",".join(self._v3_entry(link) for link in page), place
        merged: dict[int, list[int]] = {}
        for (own, type_id), to_id in page:
            merged.setdefault(to_id, []).append(-type_id if own else type_id)
        return ",".join(self._run((to,), self._kind(keys)) for to, keys in merged.items()), place

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
        links = [(order, to) for to, kind in zip(*row, strict=True) for order in kinds[kind]]
        links.sort(key=None if self.by_type else lambda link: (link[1], link[0]))
        return links

    def _kind(self, keys: list[int]) -> int:
        kind = self.relation.kind(set(keys))
        if kind >= len(self._tails):
            self._make_fragments()
        return kind

    def _v3_entry(self, link: Link) -> str:
        (own, type_id), to_id = link
        type_def = self.relation.direction.types[-type_id if own else type_id]
        return f'{{"id":"{to_id}","type":{json.dumps(type_def.v3_name)}}}'

    def _make_fragments(self) -> None:
        self._revision = self._now()
        self._tails = [self._tail(kind) for kind in self.relation.kinds]
        self._joins = [f"{tail},{self._head}" for tail in self._tails]
        self._widest = max(map(len, self.relation.kinds), default=1)

    def _tail(self, kind: tuple[int, ...]) -> str:
        types = [self.relation.direction.types[key] for key in kind if self._known(key)]
        if self.shape == "v3":
            return f'","type":{json.dumps(types[0].v3_name)}}}'
        listed = [{"category": t.category, "typeId": t.type_id, "label": t.label} for t in types]
        text = json.dumps(listed, separators=(",", ":"), ensure_ascii=False)
        return f'{self._quote},"associationTypes":{text}}}'

    def _known(self, key: int) -> bool:
        return key in self.relation.direction.types

    def _primary(self, row: Row) -> Row | None:
        types = self.relation.direction.types
        exclusive = {key for key, type_def in types.items() if type_def.exclusive}
        if not exclusive:
            return row
        kinds = self.relation.kinds
        kept = [(i, k) for i, k in zip(*row, strict=True) if exclusive.intersection(kinds[k])]
        return ([i for i, _ in kept], [k for _, k in kept]) if kept else None
