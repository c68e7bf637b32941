"""The client: what a caller configures once and asks for associations.

Knows: how the parts fit together. Does not know: JSON, files, how any of the parts works.
"""

import asyncio
import random
import warnings
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Self
from weakref import WeakSet

from hubassoc_async.calls import Caller
from hubassoc_async.errors import HubAssocError, UsageError
from hubassoc_async.labels import Labels
from hubassoc_async.limits import Limits
from hubassoc_async.listing import IdList
from hubassoc_async.model import ReadResult, WriteOperation
from hubassoc_async.one_pair import OnePair
from hubassoc_async.pacing import (
    DEFAULT_PACING,
    Clock,
    DailyBudget,
    Mode,
    Pacing,
    Places,
    Priority,
    Quota,
    Quotas,
    SharedQuota,
    budget_of,
)
from hubassoc_async.protocol.exchange import ReadExchange
from hubassoc_async.protocol.ids import IdSet
from hubassoc_async.protocol.intake import WriteSettings, needs_types
from hubassoc_async.protocol.label_types import LabelTypes
from hubassoc_async.protocol.published import object_type_name
from hubassoc_async.protocol.retry import RetryPolicy
from hubassoc_async.protocol.versions import DEFAULT_VERSION
from hubassoc_async.protocol.versions import api_version as find_version
from hubassoc_async.protocol.wire import read_codec
from hubassoc_async.protocol.writing import Writing
from hubassoc_async.sender import Counters, Sender
from hubassoc_async.stream import Ids, ReadStream
from hubassoc_async.transport import (
    DEFAULT_BASE_URL,
    DEFAULT_MAX_RESPONSE_BYTES,
    AiohttpTransport,
    TokenSource,
    Transport,
)
from hubassoc_async.write_stream import Links, WriteStream
from hubassoc_async.writes import Writes

if TYPE_CHECKING:
    import aiohttp


class AssociationsClient(Writes):
    """Reads and writes CRM associations in bulk, within one portal's quota.

    Use it as ``async with AssociationsClient(token) as client``, or call ``aclose`` at the end.
    Make one for a token and share it: all it does shares connections, quota and concurrency.
    """

    def __init__(
        self,
        token: TokenSource | None = None,
        *,
        api_version: str = DEFAULT_VERSION,
        base_url: str = DEFAULT_BASE_URL,
        session: "aiohttp.ClientSession | None" = None,
        transport: Transport | None = None,
        timeout: float = 60.0,
        max_response_bytes: int = DEFAULT_MAX_RESPONSE_BYTES,
        concurrency: int = 16,
        quota: Quota | Quotas | SharedQuota | str | None = Quota(),
        pacing: Mode = DEFAULT_PACING,
        daily_reserve: DailyBudget | float | str | None = None,
        retry: RetryPolicy = RetryPolicy(),
        linger: float = 1.0,
        clock: Clock | None = None,
    ) -> None:
        """Nothing is sent or opened before the first read.

        token: a private app's or OAuth access token, or an async function that returns the
            current one (asked before every request). None: the environment's HUBSPOT_ACCESS_TOKEN.
        api_version: v3, v4, 2025-09, 2026-03 or 2026-09.
        base_url: where the API is; EU accounts may use https://api-eu1.hubapi.com.
        session: an aiohttp session to use; it is not closed.
        transport: replaces ``token``, ``base_url``, ``session``, ``timeout`` and
            ``max_response_bytes`` altogether.
        timeout: seconds for one request, from connecting to the last byte of its answer.
        max_response_bytes: largest body taken, decompressed; a larger one makes batches smaller.
        concurrency: most requests out at once; interactive work may add one.
        quota: what the portal answers: a plan's name of ``TIERS``, ``Quota(150, 10)`` or
            ``"150/10"`` for associations, ``Quotas`` for each bucket, ``SharedQuota`` for
            many processes; None for no limit.
        pacing: adaptive, strict (where nobody else uses the quota) or off: see ``Mode``.
        daily_reserve: share of the day's quota left for others, 0.2 or ``"20%"``; at that, work
            stops with ``DailyQuotaSpent``. A ``DailyBudget`` keeps the count in a file.
        linger: most seconds that a batch that is not full waits for cursors of answers that are
            out, or for ids that have yet to come: 0 is the least latency, more the fewest requests.
        clock: where time comes from; the running event loop by default. The smoother within the
            pacer always runs on the loop's own clock.

        Raises ``UsageError``.
        """
        _check_settings(concurrency, linger)
        self.api_version = find_version(api_version)
        self.base_url = base_url if transport is None else ""
        self._pacing = Pacing(quota, pacing, budget_of(daily_reserve))
        self.quotas = self._pacing.quotas
        self._transport = transport or AiohttpTransport(
            token,
            base_url=base_url,
            session=session,
            timeout=timeout,
            max_response_bytes=max_response_bytes,
        )
        self._concurrency, self._places = concurrency, Places(concurrency)
        self._retry, self._linger, self._clock = retry, linger, clock
        self._codec = read_codec(self.api_version.shape)
        self._streams: WeakSet[ReadStream | WriteStream] = WeakSet()
        self._sender: Sender | None = None  # made with the first read, in whose loop it lives
        self._closed = False
        self.counters = Counters()
        """What this client has done so far; live."""
        call = self._call = Caller(self.api_version, self._open_sender, self._places)
        self.labels = Labels(call)
        """The portal's association labels: what they are, and their definitions."""
        self.limits = Limits(call)
        """Association limits, and the report of records near them."""
        self.one = OnePair(call, self.labels, self._codec)
        """One pair or one record at a time."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """End every read and let go of connections. Reads under way raise ``HubAssocError``."""
        self._closed = True
        for stream in tuple(self._streams):
            await stream.aclose(HubAssocError("the client was closed"))
        if self._sender is not None:
            await self._sender.pacers.aclose()
        await self._transport.aclose()

    def __repr__(self) -> str:
        counters = self.counters
        running = sum(1 for stream in self._streams if stream.running)
        paused = self._sender.pacers.paused if self._sender is not None else 0.0
        quota = "no quota" if self.quotas is None else self.quotas.associations
        return (
            f"<AssociationsClient {self.api_version.name} via {self._transport!r}:"
            f" {'closed, ' if self._closed else ''}{running} reads under way,"
            f" {counters.in_flight} of {self._concurrency} requests out,"
            f" {self.quota_share:.0%} of {quota} in use"
            f"{f', paused {paused:.1f} s' if paused else ''};"
            f" {counters.requests} requests, {counters.retries} retries,"
            f" {counters.rate_limited} rate limited, {counters.halvings} halvings>"
        )

    @property
    def quota_share(self) -> float:
        """Share of the quota in use now, 0 to 1."""
        return self._sender.pacers.share if self._sender is not None else 0.0

    async def read(
        self,
        from_object_type: str,
        to_object_type: str,
        ids: Ids,
        *,
        deadline: float | None = None,
        priority: Priority = "bulk",
    ) -> ReadResult:
        """Read the associations of many records, merged, everything in memory.

        ids: record ids, str or int, any iterable or asynchronous iterable; a repeated id is asked
            for once. What is not an id, or cannot be read, is in ``result.failures``.
        deadline: most seconds for all of it.
        priority: interactive goes before all bulk work that waits, which keeps a tenth.

        Costs about 150 bytes an association. Nothing is promised about the order of ids.

        Raises ``UsageError`` before anything is sent, and an ``AuthError``, ``DailyQuotaSpent``,
        ``DeadlineExceeded`` or other ``HubAssocError`` when the read stops before its end: its
        ``result`` has what was read, its ``unread`` the ids taken from ``ids`` that were not;
        the rest is still in the iterable.
        """
        result = ReadResult()
        stream = self._stream(
            from_object_type, to_object_type, ids, deadline, priority, result.unknown, into=result
        )
        try:
            async with stream:
                async for _ in stream.batches():
                    pass
        except HubAssocError as error:
            error.result = result
            raise
        except (Exception, asyncio.CancelledError) as error:  # the caller's own: no place for more
            left = len(result.unknown(stream.unread))
            error.add_note(f"{result!r}; {left} ids were taken and are not read")
            raise
        return result

    def stream_read(
        self,
        from_object_type: str,
        to_object_type: str,
        ids: Ids,
        *,
        distinct: bool = False,
        packed: bool = False,
        deadline: float | None = None,
        priority: Priority = "bulk",
    ) -> ReadStream:
        """Read the associations of any number of records in bounded memory, as they come.

        ``async with client.stream_read(…) as outcomes: async for outcome in outcomes: …`` gives
        one ``ObjectAssociations`` or ``Failure`` an id, in no promised order. ``ids`` is consumed
        lazily, a few batches ahead of the loop.

        An id that is repeated while it is being read comes out once. ``distinct`` remembers every
        id, in some 11 bytes each, so that each comes out once however far apart its repeats are.
        ``packed``, for columns: most answers are ``PackedAssociations``, in numbers; none of v3 is.

        Raises ``UsageError`` at once; what stops the read is raised by the loop, after every
        outcome that was there: see ``read``, and ``ReadStream.unread``.
        """
        unknown = IdSet().new if distinct else None
        return self._stream(
            from_object_type, to_object_type, ids, deadline, priority, unknown, packed=packed
        )

    def list_ids(self, object_type: str, *, after: str | None = None) -> IdList:
        """List the ids of every record of an object type that is not archived, as they come.

        An asynchronous iterable, 100 ids a request, that a read takes as it is; ``after`` goes on
        where another list was. See ``IdList``. Raises ``UsageError``.
        """
        return IdList(self._call, object_type, after)

    def _stream(
        self,
        from_object_type: str,
        to_object_type: str,
        ids: Ids,
        deadline: float | None,
        priority: Priority,
        unknown: Callable[[list[str]], list[str]] | None,
        *,
        packed: bool = False,
        into: ReadResult | None = None,
    ) -> ReadStream:
        self._check("ids", ids, deadline)
        codec = read_codec(self.api_version.shape, packed=True) if packed else self._codec
        exchange = ReadExchange(
            self.api_version, from_object_type, to_object_type, codec=codec, unknown=unknown
        )
        if self.api_version.shape == "v3" and object_type_name(to_object_type) == "company":
            warnings.warn(
                "API v3 lists only the primary company of a record: use v4 or a dated version"
                " to read them all",
                stacklevel=3,
            )
        stream = ReadStream(
            exchange,
            ids,
            self._open_sender(),
            self._places,
            linger=self._linger,
            deadline=deadline,
            priority=priority,
            into=into,
        )
        self._streams.add(stream)
        return stream

    def _open_write(
        self,
        operation: WriteOperation,
        from_object_type: str,
        to_object_type: str,
        links: Links,
        settings: WriteSettings,
        deadline: float | None,
        priority: Priority,
    ) -> WriteStream:
        self._check("links", links, deadline)
        ends = from_object_type, to_object_type

        def make(types: LabelTypes | None) -> Writing:
            version, codec = self.api_version, self._codec
            return Writing(version, operation, *ends, types, settings, read_codec=codec)

        async def look_up() -> LabelTypes:
            return await self.labels.types(*ends)

        stream = WriteStream(
            make,
            look_up if needs_types(self.api_version, operation) else None,
            links,
            self._open_sender(),
            self._places,
            linger=self._linger,
            deadline=deadline,
            priority=priority,
        )
        self._streams.add(stream)
        return stream

    def _check(self, what: str, items: object, deadline: float | None) -> None:
        if isinstance(items, str | bytes):
            raise UsageError(
                f"{what} must be an iterable of {what}, not one {type(items).__name__}"
            )
        if deadline is not None and not deadline > 0:
            raise UsageError("a deadline is a number of seconds, more than 0")

    def _open_sender(self) -> Sender:
        if self._closed:
            raise UsageError("the client is closed: make a new one")
        if self._sender is None:
            clock = self._clock or asyncio.get_running_loop()
            self._sender = Sender(
                self._transport,
                self._pacing.open(clock),
                retry=self._retry,
                clock=clock,
                random=random.random,
                counters=self.counters,
            )
        return self._sender


def _check_settings(concurrency: int, linger: float) -> None:
    if concurrency < 1 or linger < 0:
        raise UsageError("concurrency must be at least 1, and linger not negative")
