"""A portal's contents in a file: SQLite to look into, NDJSON to make by hand or by script.

Objects, associations, labels, custom objects and association limits are kept. Tokens, faults, logs
and settings are not: a file holds no secrets, and a loaded portal is in good health.

Knows: two formats. Does not know: HTTP.
"""

import sqlite3
from array import array
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec

from hubassoc_async.emulator.catalog import ONE_WAY, TypeDef
from hubassoc_async.emulator.graph import Graph
from hubassoc_async.emulator.portal import Portal
from hubassoc_async.emulator.storage import Relation, Runs

SQLITE = (".sqlite", ".sqlite3", ".db")
NDJSON = (".ndjson", ".jsonl")
SCHEMA = """
    CREATE TABLE definitions (line TEXT NOT NULL);
    CREATE TABLE kinds (id INTEGER PRIMARY KEY, from_object_type TEXT, to_object_type TEXT,
                        types TEXT NOT NULL);
    CREATE TABLE associations (kind INTEGER NOT NULL, from_object_id INTEGER NOT NULL,
                               to_object_id INTEGER NOT NULL);
"""
"""``kinds`` are sets of association types: negative numbers are types that the portal defined."""


class BadFile(ValueError):
    """The file is not one that this module writes."""


def save(portal: Portal, path: Path) -> None:
    """Write a portal's contents. The file's suffix says the format; an old file is replaced."""
    if path.suffix in SQLITE:
        path.unlink(missing_ok=True)
        _save_sqlite(portal, path)
    elif path.suffix in NDJSON:
        with path.open("wb") as file:
            for line in _lines(portal):
                file.write(msgspec.json.encode(line) + b"\n")
    else:
        raise BadFile(f"{path.name}: the suffix has to be one of {', '.join((*SQLITE, *NDJSON))}")


def load(path: Path, **settings: Any) -> Portal:
    """A portal with the contents of a file; ``settings`` are the portal's.

    Raises ``BadFile`` for a file that cannot be understood, ``OSError`` for one that is not there.
    """
    portal = Portal(**settings)
    try:
        if path.suffix in SQLITE:
            _load_sqlite(portal, path)
        elif path.suffix in NDJSON:
            with path.open("rb") as file:
                _load_lines(portal, map(msgspec.json.decode, file))
        else:
            raise BadFile(f"{path.name}: neither {', '.join(SQLITE)} nor {', '.join(NDJSON)}")
    except (msgspec.MsgspecError, sqlite3.Error, KeyError, TypeError) as error:
        raise BadFile(f"{path.name}: {error!r}") from error
    return portal


def _relations(graph: Graph) -> Iterator[Relation]:
    """One direction of each pair of types: the other follows from it."""
    done: set[frozenset[str]] = set()
    for pair in sorted(graph.relations):
        if pair[::-1] in ONE_WAY or frozenset(pair) in done:
            continue
        done.add(frozenset(pair))
        yield graph.relations[pair]


def _definitions(portal: Portal) -> Iterator[dict[str, Any]]:
    catalog = portal.graph.catalog
    for type_id, name in catalog.custom_objects():
        yield {"custom_object": type_id, "name": name}
    for direction in catalog.directions():
        for found in direction.types.values():
            if found.key < 0:
                unlabelled = found == direction.unlabelled
                pair = {"from": direction.from_type, "to": direction.to_type}
                yield {"type": msgspec.to_builtins(found), **pair, "unlabelled": unlabelled}
    for name, objects in portal.graph.objects.items():
        ranges = [[ids.start, ids.stop, ids.step] for ids in objects.ranges()]
        yield {"objects": name, "ranges": ranges, "ids": list(objects.singles())}
    for (from_type, to_type, key), most in portal.caps.configured.items():
        yield {"cap": most, "from": from_type, "to": to_type, "key": key}


def _lines(portal: Portal) -> Iterator[dict[str, Any]]:
    yield from _definitions(portal)
    for relation in _relations(portal.graph):
        ends = {"from": relation.direction.from_type, "to": relation.direction.to_type}
        for from_id, groups in _groups(relation):
            listed = [[list(relation.kinds[kind]), list(ids)] for kind, ids in groups]
            yield {"associations": from_id, **ends, "ids": listed}


def _groups(relation: Relation) -> Iterator[tuple[int, list[tuple[int, Iterable[int]]]]]:
    for from_id in relation.froms():
        row = relation.row(from_id)
        if row is None:
            continue
        ids, runs = row
        start, groups = 0, list[tuple[int, Iterable[int]]]()
        for kind, count in runs:
            groups.append((kind, ids[start : start + count]))
            start += count
        yield from_id, groups


class _Incoming:
    """Rows of one direction on their way into arrays."""

    def __init__(self, relation: Relation) -> None:
        self.relation = relation
        self.index: dict[int, int] = {}
        self.offsets = array("Q", [0])
        self.to = array("q")
        self.shapes = array("L")
        self.runs: dict[Runs, int] = {}

    def add(self, from_id: int, groups: Iterable[tuple[int, Iterable[int]]]) -> None:
        """Take in one record's associations: ids by kind."""
        ranked = sorted(groups, key=lambda group: self.relation.rank(group[0]))
        runs: list[tuple[int, int]] = []
        for kind, ids in ranked:
            before = len(self.to)
            self.to.extend(ids)
            runs.append((kind, len(self.to) - before))
        self.index[from_id] = len(self.index)
        self.offsets.append(len(self.to))
        self.shapes.append(self.runs.setdefault(tuple(runs), len(self.runs)))

    def finish(self, graph: Graph) -> None:
        """Put them in the graph."""
        direction = self.relation.direction
        pair = direction.from_type, direction.to_type
        graph.load(*pair, self.index, self.offsets, self.to, self.shapes, list(self.runs))


def _define(portal: Portal, line: dict[str, Any]) -> bool:
    """Take in one definition; False for a line that is none."""
    catalog = portal.graph.catalog
    if "custom_object" in line:
        portal.define_object(line["custom_object"], line["name"])
    elif "type" in line:
        found = msgspec.convert(line["type"], TypeDef)
        catalog.restore(line["from"], line["to"], found, unlabelled=line["unlabelled"])
    elif "objects" in line:
        for bounds in line.get("ranges", ()):
            portal.add_objects(line["objects"], range(*bounds))
        portal.add_objects(line["objects"], line.get("ids", ()))
    elif "cap" in line:
        portal.caps.configured[line["from"], line["to"], line["key"]] = line["cap"]
    else:
        return False
    return True


def _load_lines(portal: Portal, lines: Iterable[dict[str, Any]]) -> None:
    incoming: dict[tuple[str, str], _Incoming] = {}
    for line in lines:
        if _define(portal, line):
            continue
        pair = line["from"], line["to"]
        found = incoming.get(pair)
        if found is None:
            found = incoming[pair] = _Incoming(portal.graph.relation(*pair))
        kind = found.relation.kind
        found.add(line["associations"], [(kind(tuple(keys)), ids) for keys, ids in line["ids"]])
    for rows in incoming.values():
        rows.finish(portal.graph)


def _save_sqlite(portal: Portal, path: Path) -> None:
    with closing(sqlite3.connect(path)) as database, database:
        database.executescript(SCHEMA)
        lines = ((msgspec.json.encode(line).decode(),) for line in _definitions(portal))
        database.executemany("INSERT INTO definitions VALUES (?)", lines)
        first = 0
        for relation in _relations(portal.graph):
            rows = (
                (first + kind, from_id, to_id)
                for from_id, groups in _groups(relation)
                for kind, ids in groups
                for to_id in ids
            )
            database.executemany("INSERT INTO associations VALUES (?, ?, ?)", rows)
            ends = relation.direction.from_type, relation.direction.to_type
            kinds = (
                (first + number, *ends, " ".join(map(str, kind)))
                for number, kind in enumerate(relation.kinds)
            )
            database.executemany("INSERT INTO kinds VALUES (?, ?, ?, ?)", kinds)
            first += len(relation.kinds)


def _load_sqlite(portal: Portal, path: Path) -> None:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        for (line,) in database.execute("SELECT line FROM definitions"):
            _define(portal, msgspec.json.decode(line))
        ends: dict[tuple[str, str], dict[int, int]] = {}
        for number, from_type, to_type, types in database.execute("SELECT * FROM kinds"):
            relation = portal.graph.relation(from_type, to_type)
            keys = tuple(map(int, types.split()))
            ends.setdefault((from_type, to_type), {})[number] = relation.kind(keys)
        for pair, kinds in ends.items():
            _load_pair(portal.graph, database, pair, kinds)


def _load_pair(
    graph: Graph, database: sqlite3.Connection, pair: tuple[str, str], kinds: dict[int, int]
) -> None:
    rows = _Incoming(graph.relation(*pair))
    bounds = min(kinds), max(kinds)
    query = (
        "SELECT from_object_id, kind, to_object_id FROM associations"
        " WHERE kind BETWEEN ? AND ? ORDER BY from_object_id, kind, to_object_id"
    )
    current, groups = -1, dict[int, list[int]]()
    for from_id, kind, to_id in database.execute(query, bounds):
        if from_id != current:
            if groups:
                rows.add(current, groups.items())
            current, groups = from_id, {}
        groups.setdefault(kinds[kind], []).append(to_id)
    if groups:
        rows.add(current, groups.items())
    rows.finish(graph)
