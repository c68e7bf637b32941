"""What people would use instead, each as one function: a shape's ids in, answers by id out.

All ask for the same ids, in batches of 1,000, as many at once, and follow every cursor.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sized
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import aiohttp
import msgspec

from benchmarks import typed
from benchmarks.pages import CURSORS, Shape, batches

CONCURRENCY = 8
HEADERS = {"Authorization": "Bearer benchmark", "Content-Type": "application/json"}
Input = dict[str, str]
Found = dict[str, Sized]
"""What is associated, by id; nothing where answers are thrown away."""


def address(url: str, shape: Shape) -> str:
    """Where a shape is read."""
    return f"{url}/crm/associations/2026-03/contacts/{shape.to_object_type}/batch/read"


async def drive(ids: list[str], ask: Callable[[list[Input]], Awaitable[list[Input]]]) -> None:
    """Read all ids with CONCURRENCY workers; ``ask`` sends a batch and gives the cursors back.

    Cursors wait until no fresh batch is left and then share batches: the plain way to do it well.
    """
    fresh = deque([{"id": object_id} for object_id in batch] for batch in batches(ids))
    again: list[Input] = []

    async def worker() -> None:
        while fresh or again:
            if fresh:
                inputs = fresh.popleft()
            else:
                inputs = again[:1000]
                del again[:1000]
            again.extend(await ask(inputs))

    while fresh or again:
        await asyncio.gather(*(worker() for _ in range(CONCURRENCY)))


def _merge_typed(found: dict[str, Any], page: Any) -> list[Input]:
    """Put a page of typed results into a dict by id; the cursors that remain."""
    again = []
    for result in page.results:
        object_id = result.from_.id
        if object_id in found:
            found[object_id].extend(result.to)
        else:
            found[object_id] = result.to
        if result.paging is not None and result.paging.next is not None:
            again.append({"id": object_id, "after": result.paging.next.after})
    for error in page.errors:
        for object_id in error.context["fromObjectId"]:
            found[object_id] = []
    return again


def _merge_plain(found: dict[str, Any], page: Any) -> list[Input]:
    """Put a page of plain dicts into a dict by id; the cursors that remain."""
    again = []
    for result in page["results"]:
        object_id = result["from"]["id"]
        found.setdefault(object_id, []).extend(result["to"])
        if after := result.get("paging", {}).get("next", {}).get("after"):
            again.append({"id": object_id, "after": after})
    for error in page.get("errors", ()):
        for object_id in error["context"]["fromObjectId"]:
            found[object_id] = []
    return again


async def bare(url: str, shape: Shape, ids: list[str]) -> Found:
    """aiohttp and msgspec with typed structs, results in a dict by id: the floor of our stack."""
    found: Found = {}
    decode = msgspec.json.Decoder(typed.Page).decode
    encode = msgspec.json.Encoder().encode
    there = address(url, shape)

    async def ask(inputs: list[Input]) -> list[Input]:
        async with session.post(there, data=encode({"inputs": inputs})) as answer:
            return _merge_typed(found, decode(await answer.read()))

    async with aiohttp.ClientSession(headers=HEADERS) as session:
        await drive(ids, ask)
    return found


async def aiohttp_json(url: str, shape: Shape, ids: list[str]) -> Found:
    """aiohttp and the standard library's json, results in a dict by id."""
    found: Found = {}
    there = address(url, shape)

    async def ask(inputs: list[Input]) -> list[Input]:
        async with session.post(there, json={"inputs": inputs}) as answer:
            return _merge_plain(found, await answer.json())

    async with aiohttp.ClientSession(headers=HEADERS) as session:
        await drive(ids, ask)
    return found


async def _httpx(
    url: str, shape: Shape, ids: list[str], take: Callable[[Any], list[Input]]
) -> None:
    """httpx with as many kept-alive connections as there are workers."""
    import httpx

    there = address(url, shape)
    limits = httpx.Limits(max_connections=CONCURRENCY, max_keepalive_connections=CONCURRENCY)

    async def ask(inputs: list[Input]) -> list[Input]:
        return take(await session.post(there, json={"inputs": inputs}))

    async with httpx.AsyncClient(headers=HEADERS, limits=limits, timeout=60) as session:
        await drive(ids, ask)


async def httpx_json(url: str, shape: Shape, ids: list[str]) -> Found:
    """httpx and the standard library's json."""
    found: Found = {}
    await _httpx(url, shape, ids, lambda answer: _merge_plain(found, answer.json()))
    return found


async def httpx_pydantic(url: str, shape: Shape, ids: list[str]) -> Found:
    """httpx and pydantic models, validated straight from the bytes."""
    found: Found = {}
    parse = typed.pydantic_page().model_validate_json
    await _httpx(url, shape, ids, lambda answer: _merge_typed(found, parse(answer.content)))
    return found


async def raw(url: str, shape: Shape, ids: list[str]) -> Found:
    """aiohttp alone: bodies are received and thrown away, cursors are known. aiohttp's floor."""
    encode = msgspec.json.Encoder().encode
    there = address(url, shape)
    following = dict(zip(["", *CURSORS], CURSORS, strict=False)) if shape.pages > 1 else {}

    async def ask(inputs: list[Input]) -> list[Input]:
        async with session.post(there, data=encode({"inputs": inputs})) as answer:
            await answer.read()
        return [
            {"id": each["id"], "after": following[each.get("after", "")]}
            for each in inputs
            if each.get("after", "") in following
        ]

    async with aiohttp.ClientSession(headers=HEADERS) as session:
        await drive(ids, ask)
    return {}


def sdk(url: str, shape: Shape, ids: list[str]) -> Found:
    """HubSpot's own hubspot-api-client, its calls in threads, as its users do."""
    from hubspot import HubSpot
    from hubspot.crm.associations.v4 import BatchInputPublicFetchAssociationsBatchRequest

    api = HubSpot(access_token="benchmark", host=url).crm.associations.v4.batch_api
    found: dict[str, Any] = {}

    def ask(inputs: list[Input]) -> list[Input]:
        page: Any = api.get_page(
            "contacts",
            shape.to_object_type,
            batch_input_public_fetch_associations_batch_request=(
                BatchInputPublicFetchAssociationsBatchRequest(inputs=inputs)
            ),
        )
        again = []
        for result in page.results:
            object_id = result._from.id  # noqa: SLF001 - the SDK calls the field so
            found.setdefault(object_id, []).extend(result.to)
            if result.paging is not None and result.paging.next is not None:
                again.append({"id": object_id, "after": result.paging.next.after})
        for error in getattr(page, "errors", None) or ():
            for object_id in error.context["fromObjectId"]:
                found[object_id] = []
        return again

    with ThreadPoolExecutor(CONCURRENCY) as threads:
        waiting = [[{"id": object_id} for object_id in batch] for batch in batches(ids)]
        while waiting:
            again = [each for cursors in threads.map(ask, waiting) for each in cursors]
            waiting = [again[start : start + 1000] for start in range(0, len(again), 1000)]
    return found
