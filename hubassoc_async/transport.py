"""Moves bytes: a ``Request`` to HubSpot's host, a ``Response`` back, every failure named.

Knows: aiohttp, the base URL, the token. Does not know: HubSpot's paths, bodies or limits.

The token goes to the base URL's host and nowhere else: redirects are not followed, and it is cut
out of whatever comes back before anyone can log it.
"""

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable
from importlib.metadata import version
from io import BytesIO
from typing import Protocol
from urllib.parse import urlsplit

import aiohttp
from yarl import URL

from hubassoc_async.errors import (
    AuthError,
    ConnectError,
    ResponseTimeout,
    ResponseTooLarge,
    TransportError,
    UsageError,
)
from hubassoc_async.protocol.message import Request, Response

TokenSource = str | Callable[[], Awaitable[str]]
"""A token, or what returns the current one: it is asked before every request, so cache in it."""

TOKEN_VARIABLE = "HUBSPOT_ACCESS_TOKEN"  # noqa: S105  the variable's name, not a token
DEFAULT_BASE_URL = "https://api.hubapi.com"
# 1,000 inputs with a full page of 500 associations each come to some 60 MB.
DEFAULT_MAX_RESPONSE_BYTES = 128 * 2**20

_log = logging.getLogger("hubassoc_async")
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}
_USER_AGENT = f"hubassoc_async/{version('hubassoc_async')}"
_CONNECT_SECONDS = 10.0
# HubSpot's tokens have 40 characters and more. A stand-in such as "test" is no secret, and to cut
# it out of what comes back would cut into the data.
_SHORTEST_SECRET = 16
_SEARCHED = 8 * 2**20  # bytes that are searched for it at once: some 2 ms
_LARGE = 512 * 2**10  # bytes of a body after which others have a turn at each chunk


class Transport(Protocol):
    """Anything that carries a request to HubSpot."""

    async def send(self, request: Request) -> Response:
        """Return the whole response, whatever its status.

        Raises ``ConnectError`` when nothing was sent, ``ResponseTimeout`` when no whole answer
        came in time, ``ResponseTooLarge``, and ``TransportError`` for anything else.
        """

    async def aclose(self) -> None:
        """Let go of connections."""


class AiohttpTransport:
    """Sends over aiohttp. A session given by the caller is used and left open."""

    def __init__(
        self,
        token: TokenSource | None = None,
        *,
        base_url: str = DEFAULT_BASE_URL,
        session: aiohttp.ClientSession | None = None,
        timeout: float = 60.0,
        max_response_bytes: int = DEFAULT_MAX_RESPONSE_BYTES,
    ) -> None:
        if not timeout > 0 or max_response_bytes < 1:
            raise UsageError("timeout and max_response_bytes must be more than 0")
        self.base_url = check_base_url(base_url)
        _warn_unencrypted(base_url)
        self._token = _Token(token)
        self._session = session
        self._owns_session = session is None
        self._max_bytes = max_response_bytes
        self._timeout = aiohttp.ClientTimeout(
            total=timeout, sock_connect=min(timeout, _CONNECT_SECONDS)
        )

    def __repr__(self) -> str:
        return f"<AiohttpTransport {self.base_url}>"

    async def send(self, request: Request) -> Response:
        """Send one request. See ``Transport.send``."""
        token = await self._token.get()
        failure: TransportError
        try:
            return await self._send(request, token)
        except TransportError as error:
            failure = error
        except (aiohttp.ConnectionTimeoutError, aiohttp.ClientConnectorError) as error:
            failure = ConnectError(f"no connection to {self.base_url}: {token.cut(_said(error))}")
        except TimeoutError:
            seconds = self._timeout.total
            failure = ResponseTimeout(f"no whole answer to {request.path} in {seconds:g} s")
        except (aiohttp.ClientError, ConnectionError) as error:
            failure = TransportError(f"{request.path}: {token.cut(_said(error))}")
        # Raised here, not there: aiohttp's errors hold the request's headers, and a chained
        # exception would carry the token into whatever prints or pickles it.
        raise failure

    async def aclose(self) -> None:
        """Close the session, if it is this transport's own."""
        if self._owns_session and self._session is not None:
            await self._session.close()
            self._session = None

    async def _send(self, request: Request, token: "_Secret") -> Response:
        headers = {
            "Authorization": token.bearer(),
            "Accept": "application/json",
            "Accept-Encoding": "gzip, deflate",
            "User-Agent": _USER_AGENT,
        }
        if request.body is not None:
            headers["Content-Type"] = "application/json"
        url = f"{self.base_url}{request.path}"
        async with self._open_session().request(
            request.method,
            URL(f"{url}?{request.query}" if request.query else url, encoded=True),
            data=request.body,
            headers=headers,
            timeout=self._timeout,
            allow_redirects=False,
            raise_for_status=False,
        ) as answer:
            body = await self._read(answer, request.path)
            return Response(
                answer.status,
                {
                    # bytes that are no ASCII come as surrogates, which no file or log takes
                    name.lower(): token.cut(value.encode("ascii", "replace").decode())
                    for name, value in answer.headers.items()
                },
                await token.cut_from(body),
            )

    async def _read(self, answer: aiohttp.ClientResponse, path: str) -> bytes:
        """Read the body as it is decompressed, no further than the limit."""
        body = BytesIO()  # to join 60 MB of chunks at their end takes 40 ms
        async for chunk in answer.content.iter_any():
            body.write(chunk)
            if body.tell() > self._max_bytes:
                answer.close()
                raise ResponseTooLarge(
                    f"the answer to {path} has more than {self._max_bytes} bytes"
                )
            if body.tell() > _LARGE:  # what there is to decompress would come without a wait
                await asyncio.sleep(0)
        return body.getvalue()

    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                # the client bounds what is in flight; a second bound here would hide behind it
                connector=aiohttp.TCPConnector(limit=0),
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._session


class _Secret:
    """A token that prints as stars."""

    __slots__ = ("__spelt", "__value")

    def __init__(self, value: str) -> None:
        value = value.strip()
        if not value or not value.isascii() or not value.isprintable() or " " in value:
            raise UsageError(
                "the access token is empty or has blanks, control or non-ASCII characters in it:"
                " a private app's token looks like pat-na1-…"
            )
        self.__value = value
        # as it is, and as JSON may spell it
        spelt = {value, value.replace("/", "\\/")} if len(value) >= _SHORTEST_SECRET else ()
        self.__spelt = tuple(spelt)

    def __repr__(self) -> str:
        return "***"

    def bearer(self) -> str:
        """The Authorization header."""
        return f"Bearer {self.__value}"

    def cut(self, text: str) -> str:
        """Replace the token in a text."""
        for spelt in self.__spelt:
            text = text.replace(spelt, "***")
        return text

    async def cut_from(self, body: bytes) -> bytes:
        """Replace the token in a body, others having a turn while a large one is searched."""
        for spelt in map(str.encode, self.__spelt):
            for start in range(0, len(body), _SEARCHED):
                if start:
                    await asyncio.sleep(0)
                if body.find(spelt, start, start + _SEARCHED + len(spelt)) >= 0:
                    body = body.replace(spelt, b"***")
                    break
        return body


class _Token:
    """Where the token comes from: the argument, the environment, or a function."""

    def __init__(self, source: TokenSource | None) -> None:
        given = os.environ.get(TOKEN_VARIABLE) if source is None else source
        if given is not None and not isinstance(given, str) and not callable(given):
            raise UsageError("a token is a str or an async function that returns one")
        if given is None:
            raise UsageError(f"no access token: pass one, or set {TOKEN_VARIABLE}")
        self._secret = _Secret(given) if isinstance(given, str) else None
        self._source = None if isinstance(given, str) else given

    async def get(self) -> _Secret:
        """Return the current token."""
        if self._secret is not None:
            return self._secret
        assert self._source is not None
        try:
            return _Secret(await self._source())
        except UsageError as error:
            raise AuthError(f"the token source failed: {error}") from None
        except Exception as error:
            # its text may quote what it was given: only its cause has it
            raise AuthError(f"the token source failed: {type(error).__name__}") from error


def check_base_url(base_url: str) -> str:
    """Return an address with no slash at its end. Raises ``UsageError`` without quoting it."""
    try:
        parts = urlsplit(base_url)
        port_is_a_number = parts.port is None or parts.port > 0
    except ValueError:
        parts, port_is_a_number = urlsplit(""), False
    if (
        not port_is_a_number
        or set("?# ") & set(base_url)
        or parts.scheme not in ("http", "https")
        or not parts.hostname
        or parts.username is not None
    ):
        raise UsageError(
            "base_url must be http(s)://host[:port][/prefix], without credentials, query or"
            f" fragment, such as {DEFAULT_BASE_URL}"
        )
    return base_url.rstrip("/")


def _warn_unencrypted(base_url: str) -> None:
    parts = urlsplit(base_url)
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
        _log.warning("the token travels unencrypted to %s: use https", parts.hostname)


def _said(error: Exception) -> str:
    """An aiohttp error in words: never its repr, which can hold the request's headers."""
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
