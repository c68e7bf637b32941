"""Ids as 64-bit integers, as typed columns hold them.

Knows: numbers. Does not know: which columns, what is an id to HubSpot.
"""

from array import array
from collections.abc import Sequence

from hubassoc_async.jobs.sinks import SinkError


def integers(object_ids: Sequence[str]) -> "array[int]":
    """Take ids as numbers. Raises ``SinkError``, naming one that is none."""
    try:
        return array("q", map(int, object_ids))
    except (ValueError, OverflowError):
        odd = next(one for one in object_ids if not one.isdecimal() or int(one) >> 63)
        raise SinkError(
            f"ids are held as 64-bit numbers there and {odd!r} is none: write NDJSON or CSV"
        ) from None
