"""Bodies of megabytes: nothing of the token stays in them, and others have their turns."""

import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp import web

from hubassoc_async import AiohttpTransport, Request
from tests.client.test_sockets import TOKEN, served


async def test_the_token_is_cut_out_of_a_body_wherever_it_stands(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A large body is searched piece by piece: also where the token goes from one to the next."""
    monkeypatch.setattr("hubassoc_async.transport._SEARCHED", 50)

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        lead = "." * int(request.headers["Content-Length"])
        return web.Response(text=f"{lead}{TOKEN}{lead}")

    async with served(handler) as url:
        transport = AiohttpTransport(TOKEN, base_url=url)
        for size in range(1, 110):
            response = await transport.send(Request("POST", "/", body=b"x" * size))
            assert response.body == b"." * size + b"***" + b"." * size
        await transport.aclose()


async def test_others_have_turns_while_a_large_body_is_there_already() -> None:
    """A body that was received, and has only to be decompressed, comes without any wait."""
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(40):
            yield bytes(2**16)

    answer: Any = SimpleNamespace(content=SimpleNamespace(iter_any=chunks))
    counting = asyncio.create_task(others())
    body = await AiohttpTransport(TOKEN)._read(answer, "/")
    counting.cancel()
    assert len(body) == 40 * 2**16
    assert turns >= 30
