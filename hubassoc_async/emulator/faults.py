"""What goes wrong: every way in which an answer can be spoilt.

Knows: how it is spoilt. Does not know: when, nor how a right answer is made.
"""

import zlib
from collections.abc import Callable
from functools import lru_cache

import msgspec
from msgspec import Struct

from hubassoc_async.emulator.bodies import dumps, error_response, json_response
from hubassoc_async.emulator.delivery import Delivery, Reply
from hubassoc_async.emulator.limits import DAILY, ROLLING, SECONDLY, too_many_requests
from hubassoc_async.protocol.message import Response

BOMB_SIZE = 256 << 20
"""Bytes that a compressed bomb grows to; on the wire it is a thousandth of that."""
WBITS = {"gzip": 31, "deflate": 15}


class Fault(Struct, frozen=True):
    """One way to spoil an answer. Fields that a kind has no use for are left alone."""

    kind: str
    """A name of ``ANSWERS`` (nothing is done, this is the answer) or of ``CHANGES`` (it is done,
    and the answer is spoilt afterwards)."""
    delay: float = 5.0
    """Seconds: of the slow first byte, or between drops."""
    share: float = 0.5
    """How much of the body goes out before a break; how many of the results are left out."""
    retry_after: float | None = None
    response: Response | None = None
    """The whole answer, for kind ``response``."""


def answer(fault: Fault, correlation_id: str) -> Reply | None:
    """What a fault says in place of doing anything; None if it spoils an answer afterwards."""
    make = ANSWERS.get(fault.kind)
    return None if make is None else make(fault, correlation_id)


def spoil(fault: Fault, reply: Reply) -> Reply:
    """A right answer, spoilt."""
    return CHANGES[fault.kind](fault, reply)


def _whole(fault: Fault, correlation_id: str) -> Reply:
    assert fault.response is not None, "a fault of kind 'response' needs a response"
    return Reply(fault.response)


def _json(status: int, message: str, category: str | None = None) -> Callable[[Fault, str], Reply]:
    def make(fault: Fault, correlation_id: str) -> Reply:
        response = error_response(status, message, correlation_id, category=category)
        return Reply(_with_retry_after(response, fault))

    return make


def _limited(policy: str) -> Callable[[Fault, str], Reply]:
    def make(fault: Fault, correlation_id: str) -> Reply:
        return Reply(_with_retry_after(too_many_requests(policy, correlation_id), fault))

    return make


def _html(status: int, title: str) -> Callable[[Fault, str], Reply]:
    page = f"<html><head><title>{status} {title}</title></head><body>{title}</body></html>\r\n"

    def make(fault: Fault, correlation_id: str) -> Reply:
        headers = {"content-type": "text/html; charset=UTF-8", "server": "cloudflare"}
        return Reply(_with_retry_after(Response(status, headers, page.encode()), fault))

    return make


def _cloudflare(fault: Fault, correlation_id: str) -> Reply:
    headers = {"content-type": "text/plain; charset=UTF-8", "server": "cloudflare"}
    return Reply(_with_retry_after(Response(429, headers, b"error code: 1015"), fault))


def _migration(fault: Fault, correlation_id: str) -> Reply:
    response = error_response(477, "Account migration in progress.", correlation_id)
    wait = 1.0 if fault.retry_after is None else fault.retry_after
    return Reply(_with(response, "retry-after", f"{wait:g}"))


def _empty_batch(status: str) -> Callable[[Fault, str], Reply]:
    def make(fault: Fault, correlation_id: str) -> Reply:
        stamp = "2026-01-01T00:00:00.000Z"
        body = {"status": status, "results": [], "startedAt": stamp, "completedAt": stamp}
        return Reply(json_response(200, dumps(body)))

    return make


def _unheard(fault: Fault, correlation_id: str) -> Reply:
    return Reply(json_response(200, "{}"), delivery=Delivery("reset"))


def _with(response: Response, name: str, value: str) -> Response:
    return Response(response.status, {**response.headers, name: value}, response.body)


def _with_retry_after(response: Response, fault: Fault) -> Response:
    if fault.retry_after is None:
        return response
    return _with(response, "retry-after", f"{fault.retry_after:g}")


def _delivered(how: Delivery, reply: Reply) -> Reply:
    return Reply(reply.response, reply.delay, how)


def _junk(fault: Fault, reply: Reply) -> Reply:
    half = reply.response.body[: len(reply.response.body) // 2]
    return Reply(Response(reply.response.status, reply.response.headers, half + b"\x00}{"))


def _slow(fault: Fault, reply: Reply) -> Reply:
    return Reply(reply.response, reply.delay + fault.delay, reply.delivery)


def _drip(fault: Fault, reply: Reply) -> Reply:
    chunk = max(1, len(reply.response.body) // 20)
    return _delivered(Delivery("dripped", chunk=chunk, pause=fault.delay / 20), reply)


def _rewrite(reply: Reply, change: Callable[[list[dict[str, object]]], None]) -> Reply:
    response = reply.response
    if response.status not in (200, 207) or not response.body:
        return reply
    body = msgspec.json.decode(response.body)
    if not isinstance(body, dict) or not isinstance(body.get("results"), list):
        return reply
    change(body["results"])
    return Reply(Response(response.status, response.headers, dumps(body).encode()), reply.delay)


def _omit(fault: Fault, reply: Reply) -> Reply:
    def change(results: list[dict[str, object]]) -> None:
        del results[: max(1, int(len(results) * fault.share))]

    return _rewrite(reply, change)


def _duplicate(fault: Fault, reply: Reply) -> Reply:
    def change(results: list[dict[str, object]]) -> None:
        results.extend(results[: max(1, int(len(results) * fault.share))])

    return _rewrite(reply, change)


def _skew(fault: Fault, reply: Reply) -> Reply:
    wrong = _with(reply.response, "date", "Thu, 01 Jan 1970 00:00:00 GMT")
    return Reply(wrong, reply.delay, reply.delivery)


@lru_cache(maxsize=2)
def _bomb_bytes(encoding: str) -> bytes:
    part = b" " * (1 << 20)
    squeeze = zlib.compressobj(9, zlib.DEFLATED, WBITS[encoding])
    parts = [squeeze.compress(part) for _ in range(BOMB_SIZE >> 20)]
    return b"".join([*parts, squeeze.flush()])


def _bomb(encoding: str) -> Callable[[Fault, Reply], Reply]:
    def change(fault: Fault, reply: Reply) -> Reply:
        headers = {**reply.response.headers, "content-encoding": encoding}
        return Reply(Response(reply.response.status, headers, _bomb_bytes(encoding)))

    return change


def _packed(encoding: str) -> Callable[[Fault, Reply], Reply]:
    def change(fault: Fault, reply: Reply) -> Reply:
        response = reply.response
        squeeze = zlib.compressobj(wbits=WBITS[encoding])
        body = squeeze.compress(response.body) + squeeze.flush()
        headers = {**response.headers, "content-encoding": encoding}
        return Reply(Response(response.status, headers, body), reply.delay)

    return change


def _unchanged(fault: Fault, reply: Reply) -> Reply:
    return reply


ANSWERS: dict[str, Callable[[Fault, str], Reply]] = {
    "response": _whole,
    "bad_request": _json(400, "Bad request", "VALIDATION_ERROR"),
    "unauthorized": _json(401, "Authentication credentials not found.", "INVALID_AUTHENTICATION"),
    "forbidden": _json(403, "This app hasn't been granted all required scopes.", "MISSING_SCOPES"),
    "request_timeout": _json(408, "Request timeout"),
    "too_large": _json(413, "Request entity too large"),
    "locked": _json(423, "Resource is locked.", "LOCKED"),
    "rate_limited": _limited(ROLLING),
    "secondly": _limited(SECONDLY),
    "daily": _limited(DAILY),
    "cloudflare": _cloudflare,
    "migration": _migration,
    "server_error": _json(500, "internal error", "INTERNAL_ERROR"),
    "bad_gateway": _html(502, "Bad Gateway"),
    "unavailable": _html(503, "Service Temporarily Unavailable"),
    "gateway_timeout": _html(504, "Gateway Time-out"),
    **{f"origin_{status}": _html(status, "Origin error") for status in range(520, 527)},
    "reset_before": _unheard,
    "canceled": _empty_batch("CANCELED"),
    "pending": _empty_batch("PENDING"),
    "no_op": _empty_batch("COMPLETE"),
}
"""Faults that answer in place of the portal: nothing was done."""

CHANGES: dict[str, Callable[[Fault, Reply], Reply]] = {
    "reset_after": lambda fault, reply: _delivered(Delivery("reset"), reply),
    "reset_during": lambda fault, reply: _delivered(Delivery("reset", fault.share or 0.5), reply),
    "truncated": lambda fault, reply: _delivered(Delivery("truncated", fault.share), reply),
    "junk": _junk,
    "slow": _slow,
    "drip": _drip,
    "omitted": _omit,
    "duplicated": _duplicate,
    "clock_skew": _skew,
    "gzip": _packed("gzip"),
    "deflate": _packed("deflate"),
    "gzip_bomb": _bomb("gzip"),
    "deflate_bomb": _bomb("deflate"),
    "repeated_cursor": _unchanged,
    "stale": _unchanged,
}
"""Faults that spoil the answer after all was done. The portal itself sees to the last two."""

KINDS = frozenset(ANSWERS) | frozenset(CHANGES)
"""Every kind of fault, for ``--fault KIND=PROBABILITY``."""
