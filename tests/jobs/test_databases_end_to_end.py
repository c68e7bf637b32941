"""Exports from a database into the same, by the command: ids in, edges out, no password kept."""

from pathlib import Path

import pytest

from hubassoc_async.emulator import PortalServer, build_portal
from tests.cli.command import QUIET_QUOTA, TOKEN, hubassoc
from tests.jobs.postgres import ENCODED, PASSWORD
from tests.jobs.stores import connect, rows_in, target_of


@pytest.mark.parametrize("kind", ["sqlite", "duckdb", "postgres"])
async def test_ids_by_a_query_and_edges_into_a_table(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """From one table into another of the same database; the journal has no password."""
    url = request.getfixturevalue("postgres_url") if kind == "postgres" else None
    target = target_of(kind, tmp_path, url, table="edges")
    with connect(target) as connection:
        connection.execute("CREATE TABLE people (contact BIGINT)")
        connection.execute("INSERT INTO people VALUES (1), (2), (3), (2)")
    query = target.replace("table=edges", "query=select contact from people order by 1")
    portal = build_portal(contacts=5, companies=3, associations=2)
    portal.add_token(TOKEN)
    first, *_ = sorted(map(int, portal.graph.objects_of("contact").after(-1)))
    with connect(target) as connection:
        connection.execute(f"UPDATE people SET contact = contact + {first - 1}")
    async with PortalServer(portal) as server:
        done = await hubassoc(
            *("export", "contacts", "companies", "--ids", query, "--to", target),
            *("--base-url", server.url, "--quota", QUIET_QUOTA, "--job", "mine"),
            cwd=tmp_path,
            HUBASSOC_JOBS=str(tmp_path / "jobs"),
        )
    assert done.status == 0, done.err
    rows = rows_in(target)
    assert rows is not None
    relation = portal.graph.relation("contact", "company")
    there = {(one, to) for one in range(first, first + 3) for to in relation.pairs(one)}
    assert {(row[1], row[3]) for row in rows} == there
    for file in (tmp_path / "jobs").iterdir():
        assert PASSWORD.encode() not in file.read_bytes()
        assert ENCODED.encode() not in file.read_bytes()
    assert ENCODED not in done.err
