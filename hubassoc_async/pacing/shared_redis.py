"""The log of reservations in Redis or Valkey: one call a turn, Redis's own clock.

Knows: redis-py, Lua. Does not know: who waits, what a turn is for.
"""

from typing import TYPE_CHECKING, Any

from hubassoc_async.errors import UsageError
from hubassoc_async.pacing.quota import Quota
from hubassoc_async.pacing.shared import SPACING

if TYPE_CHECKING:
    from redis.asyncio import Redis

# A list of the last N turns in microseconds, newest first, and the earliest time of the next.
# Turn k is at least a window and a guard after turn k - N, and a spacing after turn k - 1. Nothing
# in the script depends on a caller's clock. Lists that were lost begin again after a window.
_RESERVE = """
local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]
local limit, window = tonumber(ARGV[1]), tonumber(ARGV[2])
local guard, spacing = tonumber(ARGV[3]), tonumber(ARGV[4])
local newest = tonumber(redis.call('LINDEX', KEYS[1], 0))
local floor = tonumber(redis.call('GET', KEYS[2]) or '0')
if newest and newest > now + 10 * window + 120000000 then
  redis.call('DEL', KEYS[1])
  newest, floor = nil, now + window
end
if not newest and ARGV[5] == '1' and floor < now then floor = now + window end
local turn = math.max(now, floor)
if newest then
  turn = math.max(turn, newest + spacing)
  local oldest = tonumber(redis.call('LINDEX', KEYS[1], limit - 1))
  if oldest then turn = math.max(turn, oldest + window + guard) end
end
redis.call('LPUSH', KEYS[1], string.format('%.0f', turn))
redis.call('LTRIM', KEYS[1], 0, limit - 1)
local keep = string.format('%.0f', (turn - now + window + guard) / 1000 + 60000)
redis.call('PEXPIRE', KEYS[1], keep)
if floor > now then redis.call('SET', KEYS[2], string.format('%.0f', floor), 'PX', keep) end
return string.format('%.0f', turn - now)
"""
_PAUSE = """
local t = redis.call('TIME')
local floor = t[1] * 1000000 + t[2] + tonumber(ARGV[1])
if floor > tonumber(redis.call('GET', KEYS[1]) or '0') then
  local keep = string.format('%.0f', tonumber(ARGV[1]) / 1000 + 60000)
  redis.call('SET', KEYS[1], string.format('%.0f', floor), 'PX', keep)
end
"""
_SECONDS = 2.0  # for one call: a Redis that takes longer is out of reach
_MICRO = 1_000_000


class RedisLog:
    """Reservations of one bucket of one portal, in Redis."""

    def __init__(self, url: str, name: str, quota: Quota, guard: float) -> None:
        self._url = url
        # one hash slot for both keys, so that a cluster takes the script
        self._keys = (f"hubassoc:{{{name}}}:turns", f"hubassoc:{{{name}}}:floor")
        window = quota.seconds * _MICRO
        spacing = window / quota.limit / SPACING
        self._numbers = [str(quota.limit), *(f"{n:.0f}" for n in (window, guard * window, spacing))]
        self._redis: Redis | None = None

    async def reserve(self, *, known: bool) -> float:
        """See ``Log``."""
        ahead = await self._eval(_RESERVE, self._keys, [*self._numbers, "1" if known else "0"])
        return float(ahead) / _MICRO

    async def pause(self, seconds: float) -> None:
        """See ``Log``."""
        await self._eval(_PAUSE, self._keys[1:], [f"{seconds * _MICRO:.0f}"])

    async def aclose(self) -> None:
        """Close the connection."""
        if self._redis is not None:
            await self._redis.aclose()
            self._redis = None

    async def _eval(self, script: str, keys: tuple[str, ...], numbers: list[str]) -> Any:
        redis = self._open()
        from redis.exceptions import RedisError

        try:
            return await redis.eval(script, len(keys), *keys, *numbers)
        except RedisError as error:
            raise ConnectionError(f"Redis: {type(error).__name__}: {error}") from None

    def _open(self) -> "Redis":
        if self._redis is None:
            try:
                from redis.asyncio import Redis
                from redis.asyncio.retry import Retry
                from redis.backoff import NoBackoff
            except ImportError:
                raise UsageError(
                    "a quota shared over Redis needs redis: pip install 'hubassoc_async[redis]'"
                ) from None
            self._redis = Redis.from_url(
                self._url,
                socket_timeout=_SECONDS,
                socket_connect_timeout=_SECONDS,
                retry=Retry(NoBackoff(), 1),  # a connection that was cut by a restart
            )
        return self._redis
