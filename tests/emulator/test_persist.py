"""Portals saved and loaded, and portals made from a seed."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from hubassoc_async.emulator import Portal, Unknowns, build_portal
from hubassoc_async.emulator.persist import BadFile, load, save
from tests.emulator.asking import ask, batch, read

SUFFIXES = (".sqlite", ".ndjson")


def rich() -> Portal:
    """A portal with everything that is kept, some of it written after a bulk load."""
    portal = build_portal(3, contacts=300, companies=40, deals=30, tickets=10, heavy=0.01)
    portal.define_object("2-1234", "pets")
    portal.define_label("contact", "company", "Adviser", "Advised by")
    portal.associate("contact", 1001, "company", 20_000_000_001, "Adviser")
    portal.associate("contact", 7, "pets", 500)
    portal.associate("contact", 7, "contact", 8)
    portal.associate("lead", 30, "deal", 40_000_000_001)
    caps = "/crm/associations/v4/definitions/configurations/contact/company/batch/create"
    cap = {"category": "HUBSPOT_DEFINED", "typeId": 279, "maxToObjectIds": 9}
    ask(portal, "POST", caps, {"inputs": [cap]})
    return portal


PAIRS = {
    "contact/company": range(1001, 1301),
    "company/contact": range(20_000_000_001, 20_000_000_041),
    "contact/deal": range(1001, 1301),
    "deal/company": range(40_000_000_001, 40_000_000_031),
    "ticket/contact": range(60_000_000_001, 60_000_000_011),
    "contact/pets": [7],
    "pets/contact": [500],
    "contact/contact": [7, 8],
    "lead/deal": [30],
    "deal/lead": [40_000_000_001],
}


def contents(portal: Portal) -> dict[str, Any]:
    """Everything a reader sees of a portal."""
    portal.unknowns = Unknowns(page_size=100_000)
    portal.readers.clear()
    seen: dict[str, Any] = {}
    for pair, ids in PAIRS.items():
        answer = read(portal, *map(str, ids), pair=pair)
        seen[pair] = sorted(map(str, answer["results"]))
    for path in (
        "contact/company/labels",
        "contact/2-1234/labels",
        "definitions/configurations/all",
    ):
        seen[path] = ask(portal, "GET", f"/crm/associations/v4/{path}").body
    seen["ids"] = ask(portal, "GET", "/crm/objects/2026-03/contact", query="limit=100").body
    return seen


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_loaded_portal_is_the_saved_one(tmp_path: Path, suffix: str) -> None:
    """Records, associations both ways, labels, custom objects, limits; and it can be written."""
    portal, path = rich(), tmp_path / f"portal{suffix}"
    save(portal, path)
    loaded = load(path)
    assert contents(loaded) == contents(portal)
    item = {"from": {"id": "1001"}, "to": {"id": "20000000002"}}
    for each in (portal, loaded):
        batch(each, "associate/default", [item])
    assert contents(loaded) == contents(portal)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_no_secret_is_saved(tmp_path: Path, suffix: str) -> None:
    """Tokens stay out of files."""
    portal, path = Portal(), tmp_path / f"portal{suffix}"
    portal.add_token("pat-na1-secret")
    portal.add_app("client", "hidden", "refresh-me")
    portal.associate("contact", 1, "company", 2)
    save(portal, path)
    content = path.read_bytes()
    assert not any(word in content for word in (b"pat-na1-secret", b"hidden", b"refresh-me"))


def test_sqlite_can_be_asked(tmp_path: Path) -> None:
    """One row an association, ids as numbers."""
    portal, path = Portal(), tmp_path / "portal.sqlite"
    portal.associate("contact", 1, "company", 2, "Primary")
    save(portal, path)
    with closing(sqlite3.connect(path)) as database:
        rows = database.execute(
            "SELECT from_object_type, from_object_id, to_object_type, to_object_id, types"
            " FROM associations JOIN kinds ON kinds.id = kind"
        ).fetchall()
    assert rows in (
        [("contact", 1, "company", 2, "1 279")],
        [("company", 2, "contact", 1, "2 280")],
    )


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("portal.xml", b""),
        ("portal.ndjson", b"{"),
        ("portal.ndjson", b'{"a":1}\n'),
        ("portal.sqlite", b"no database at all, but long enough to have been one, perhaps"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, name: str, content: bytes) -> None:
    """By name."""
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(BadFile, match=name):
        load(path)


def test_a_hand_made_file(tmp_path: Path) -> None:
    """NDJSON is simple enough to write by hand."""
    path = tmp_path / "portal.ndjson"
    path.write_text(
        '{"objects":"contact","ids":[1,2]}\n'
        '{"associations":1,"from":"contact","to":"company","ids":[[[1,279],[10]],[[279],[11,12]]]}\n'
    )
    (result,) = read(load(path), "1")["results"]
    assert [to["toObjectId"] for to in result["to"]] == [10, 11, 12]


def test_the_same_seed_gives_the_same_portal() -> None:
    """And another seed another one."""

    def seen(seed: int) -> Any:
        portal = build_portal(seed, contacts=300, companies=50, deals=20, tickets=20, heavy=0.01)
        portal.define_object("2-1234", "pets")
        return contents(portal)

    assert seen(1) == seen(1) != seen(2)


def test_a_built_portal_is_as_asked() -> None:
    """Shares of contacts without companies and with very many; one primary company each."""
    portal = build_portal(5, contacts=2_000, companies=3_000, heavy=0.01, heavy_size=1_700)
    ids = [str(i) for i in range(1_001, 3_001)]
    sizes: list[int] = []
    for start in (0, 1_000):
        portal.unknowns = Unknowns(page_size=5_000)
        answer = read(portal, *ids[start : start + 1_000])
        sizes += [len(result["to"]) for result in answer["results"]]
        for result in answer["results"]:
            types = [kind["typeId"] for to in result["to"] for kind in to["associationTypes"]]
            assert types.count(1) == 1
            assert len({to["toObjectId"] for to in result["to"]}) == len(result["to"])
    assert sizes.count(1_700) == 20
    assert 100 <= 2_000 - len(sizes) <= 300


def test_both_directions_of_a_built_portal_agree() -> None:
    """Each association is found from either side."""
    portal = build_portal(7, contacts=200, companies=30)
    portal.unknowns = Unknowns(page_size=5_000)

    def pairs(pair: str, ids: range) -> set[tuple[int, int]]:
        results = read(portal, *map(str, ids), pair=pair)["results"]
        return {(int(r["from"]["id"]), to["toObjectId"]) for r in results for to in r["to"]}

    there = pairs("contact/company", range(1_001, 1_201))
    back = pairs("company/contact", range(20_000_000_001, 20_000_000_031))
    assert there == {(contact, company) for company, contact in back}
