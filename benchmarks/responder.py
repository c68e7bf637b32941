"""A loopback HTTP/1.1 responder that cannot be the bottleneck: answers are joined, not computed.

``python -m benchmarks.responder`` prints two ports, of a plain and of a gzip one, and serves until
its stdin closes. ``GET /usage`` tells the CPU seconds it has used and the requests it has had.
"""

import asyncio
import gzip
import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import msgspec

from benchmarks.child import ROOT, pin
from benchmarks.pages import BY_PATH, SHAPES, Renderer, created, definitions, renderer

MOST_BYTES_KEPT = 256 * 2**20
STATUS = {f"/{SHAPES['empty'].to_object_type}/": b"207 Multi-Status", "/create": b"201 Created"}
"""By what is in the path; otherwise 200."""


class _Input(msgspec.Struct, gc=False):
    id: str
    after: str | None = None


class _Inputs(msgspec.Struct, gc=False):
    inputs: list[_Input]


class Usage(NamedTuple):
    """What the responder has spent so far."""

    cpu: float
    requests: int


class _Answers:
    """Whole bodies, kept by what was asked: a batch asked for again costs a look-up."""

    def __init__(self) -> None:
        self.requests = 0
        self._decode = msgspec.json.Decoder(_Inputs).decode
        self._renderers: dict[str, Renderer] = {}
        self._kept: dict[tuple[str, bool, bytes], bytes] = {}
        self._room = MOST_BYTES_KEPT

    def body(self, path: str, asked: bytes, *, zipped: bool) -> bytes:
        """Give the answer to a batch read or create, or to a question for labels."""
        self.requests += 1
        key = (path, zipped, asked)
        body = self._kept.get(key)
        if body is None:
            body = self._render(path, asked)
            if zipped:
                body = gzip.compress(body, compresslevel=5)
            self._keep(key, body)
        return body

    def _render(self, path: str, asked: bytes) -> bytes:
        if path.endswith("/labels"):
            return definitions()
        if path.endswith("/create"):
            return created(asked)
        shape = BY_PATH[path.split("/")[-3]]
        if shape.name not in self._renderers:
            self._renderers[shape.name] = renderer(shape)
        inputs = [(each.id, each.after) for each in self._decode(asked).inputs]
        return self._renderers[shape.name](inputs)

    def _keep(self, key: tuple[str, bool, bytes], body: bytes) -> None:
        if len(body) > self._room:
            self._kept.clear()
            self._room = MOST_BYTES_KEPT
        self._room -= len(body)
        self._kept[key] = body


class _Connection(asyncio.Protocol):
    """One kept-alive connection."""

    def __init__(self, answers: _Answers, *, zipped: bool) -> None:
        self._answers = answers
        self._zipped = zipped
        self._buffer = bytearray()
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = bytes(self._buffer[:end]).lower()
            length = 0
            if (at := head.find(b"content-length:")) >= 0:
                length = int(head[at + 15 :].split(b"\r\n", 1)[0])
            if len(self._buffer) < end + 4 + length:
                return
            body = bytes(self._buffer[end + 4 : end + 4 + length])
            del self._buffer[: end + 4 + length]
            self._answer(head.split(b" ", 2)[1].decode(), body)

    def _answer(self, path: str, asked: bytes) -> None:
        assert self._transport is not None
        encoding = b""
        if path == "/usage":
            body = json.dumps(Usage(time.process_time(), self._answers.requests)).encode()
            status = b"200 OK"
        else:
            body = self._answers.body(path, asked, zipped=self._zipped)
            status = next((is_ for part, is_ in STATUS.items() if part in path), b"200 OK")
            encoding = b"Content-Encoding: gzip\r\n" if self._zipped else b""
        self._transport.write(
            b"HTTP/1.1 " + status + b"\r\nContent-Type: application/json;charset=utf-8\r\n"
            b"X-HubSpot-Correlation-Id: 0199a3c2-7bd5-7f52-93d1-5b2a0c1d9e10\r\n"
            b"X-HubSpot-RateLimit-Max: 200\r\nX-HubSpot-RateLimit-Remaining: 180\r\n"
            b"X-HubSpot-RateLimit-Interval-Milliseconds: 10000\r\n"
            + encoding
            + b"Content-Length: %d\r\n\r\n" % len(body)
            + body
        )


async def _serve() -> None:
    loop = asyncio.get_running_loop()
    answers = _Answers()
    servers = [
        await loop.create_server(lambda z=zipped: _Connection(answers, zipped=z), "127.0.0.1", 0)  # type: ignore[misc]
        for zipped in (False, True)
    ]
    print(*(server.sockets[0].getsockname()[1] for server in servers), flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


class Responder(NamedTuple):
    """Where a running responder is."""

    plain: str
    gzip: str

    def usage(self) -> Usage:
        """Ask the responder what it has spent."""
        with urllib.request.urlopen(f"{self.plain}/usage") as answer:
            return Usage(*json.load(answer))


@contextmanager
def responding() -> Iterator[Responder]:
    """Run a responder in another process, on another core where the system lets us choose."""
    command = [sys.executable, "-m", "benchmarks.responder"]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        ports = process.stdout.readline().split()
        pin(process.pid, server=True)
        try:
            yield Responder(*(f"http://127.0.0.1:{int(port)}" for port in ports))
        finally:
            process.stdin.close()
            process.wait(timeout=10)


if __name__ == "__main__":
    asyncio.run(_serve())
