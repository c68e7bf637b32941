"""The list of an object type's records, for their ids.

Knows: the query, what a page holds. Does not know: who sends, retries, which page comes when.
"""

from urllib.parse import quote, unquote, urlencode

from msgspec import Struct

from hubassoc_async.model import IdPage
from hubassoc_async.protocol.call import Call, decoded
from hubassoc_async.protocol.message import Request
from hubassoc_async.protocol.versions import ApiVersion


class _Record(Struct, gc=False):
    id: str | int


class _Next(Struct, gc=False):
    after: str | int  # the link beside it is deprecated, and is not called


class _Paging(Struct, gc=False):
    next: _Next | None = None


class _Page(Struct, gc=False):
    results: list[_Record]
    paging: _Paging | None = None


def list_records(version: ApiVersion, object_type: str, after: str | None) -> Call[IdPage]:
    """List the ids of some records, from a cursor on; archived ones are not among them."""
    query: dict[str, str | int] = {"limit": version.records_limit}
    if after is not None:
        query["after"] = unquote(after)  # it may come percent-encoded
    query["properties"] = "hs_object_id"  # else each record brings a dozen
    return Call(
        Request("GET", version.records_path(object_type), urlencode(query, quote_via=quote)), _page
    )


def _page(body: bytes) -> IdPage:
    page = decoded(body, _Page, "a list of records")
    following = page.paging.next if page.paging is not None else None
    after = None if following is None else str(following.after)
    return IdPage(tuple([str(record.id) for record in page.results]), after or None)
