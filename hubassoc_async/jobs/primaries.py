"""What a record may have one of only, as a primary company: who gets it, and who loses it.

Knows: the tables of edges. Does not know: how a plan is made.
"""

# ruff: noqa: S608 (tables, columns and numbers are this package's own)

from hubassoc_async.errors import UsageError
from hubassoc_async.jobs.edge_compare import RECORD
from hubassoc_async.jobs.edges import EdgeStore
from hubassoc_async.jobs.sync_rules import SyncRules

_QUOTED = 10  # records that an error names


def settle_primaries(store: EdgeStore, rules: SyncRules, *, there: str, desired: str) -> None:
    """Desire of a pair that is to keep its labels that it loses the one that goes to another.

    HubSpot moves a primary by itself: it has to be in the plan, or it could not be taken back.

    Raises ``UsageError`` where one record would have several.
    """
    for end, other in (("from", "to"), ("to", "from")):
        sets = enumerate(store.types[:])
        numbers = [number for number, types in sets if rules.exclusive(types) == end]
        if numbers:
            moved = f"types IN ({', '.join(map(str, numbers))}) AND to_id <> {RECORD}"
            _check(store, store.table(desired), moved, f"{end}_id", f"{other}_id")
            _lose(store, rules, there, desired, moved, f"{end}_id")


def _check(store: EdgeStore, table: str, moved: str, holder: str, other: str) -> None:
    query = (
        f"SELECT {holder}, count(DISTINCT {other}) FROM {table} WHERE {moved} GROUP BY {holder}"
        f" HAVING count(DISTINCT {other}) > 1 LIMIT {_QUOTED}"
    )
    several = [f"{object_id} has {count}" for object_id, count in store.query(query)]
    if several:
        raise UsageError(f"a record has one primary only: {', '.join(several)} in what is desired")


def _lose(
    store: EdgeStore, rules: SyncRules, there: str, desired: str, moved: str, holder: str
) -> None:
    wanted = store.table(desired)
    same = f"SELECT 1 FROM {wanted} AS d WHERE d.from_id = t.from_id AND d.to_id = t.to_id"
    losers = store.query(
        f"SELECT from_id, to_id, types FROM {store.table(there)} AS t WHERE {moved}"
        f" AND {holder} IN (SELECT {holder} FROM {wanted} WHERE {moved})"
        f" AND EXISTS ({same}) AND NOT EXISTS ({same} AND d.types <> 0)"
    )
    left = store.types.united
    store.add(
        desired,
        [
            (str(from_id), str(to_id), rules.whole(rules.without_exclusive(left((types,)))))
            for from_id, to_id, types in losers
        ],
    )
