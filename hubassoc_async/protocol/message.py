"""What crosses a transport: one request out, one response back.

Knows: nothing but bytes and header names. Does not know: hosts, tokens, JSON or versions.
"""

from collections.abc import Mapping

from msgspec import Struct


class Request(Struct, frozen=True):
    """One HTTP request, relative to a base URL. The transport adds host and credentials."""

    method: str
    path: str
    """Absolute path, already percent-encoded, without a query."""
    query: str = ""
    """Already percent-encoded, without the question mark."""
    body: bytes | None = None
    """JSON, or None for a request without a body."""


class Response(Struct, frozen=True):
    """One HTTP response, its body decompressed and complete."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes = b""
