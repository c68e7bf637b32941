"""Cursors: where a page ended, in HubSpot's disguise.

Seen on the wire: ``MC0yLTc1MDI%3D``, percent-encoded base64 of numbers joined by dashes, the last
of them the last id of the page. Ours are a category, a type id and that id.

Knows: the disguise. Does not know: rows or pages.
"""

from base64 import b64decode, b64encode
from typing import Literal, TypeAlias
from urllib.parse import quote, unquote

Place: TypeAlias = tuple[int, int]
"""The catalog key of the type, and the id, of the last association on a page."""

CATEGORIES = {"0": 1, "1": -1}


def write(place: Place, encoding: Literal["percent", "plain"]) -> str:
    """The cursor of a place."""
    key, object_id = place
    plain = b64encode(f"{0 if key > 0 else 1}-{abs(key)}-{object_id}".encode()).decode()
    return quote(plain, safe="") if encoding == "percent" else plain


def read(cursor: str, *, percent: bool) -> Place | None:
    """The place of a cursor, or None for what this portal never wrote."""
    try:
        text = b64decode(unquote(cursor) if percent else cursor, validate=True).decode("ascii")
        category, type_id, object_id = text.split("-")
        return CATEGORIES[category] * int(type_id), int(object_id)
    except (ValueError, KeyError):
        return None
