"""The log of reservations in Redis or Valkey: one call a turn, Redis's own clock.

Knows: redis-py, Lua. Does not know: who waits, what a turn is for.
"""

from typing import TYPE_CHECKING, Any

from hubassoc_async.errors import UsageError
from hubassoc_async.pacing.shared import Rule

if TYPE_CHECKING:
    from redis.asyncio import Redis

# A list of the last N turns in microseconds, newest first; see ``Rule``. Nothing in the script
# depends on a caller's clock. An empty list may have been lost, as any is with a Redis that is
# started again without its data: so turns begin when whatever it had given is past.
_RESERVE = """
local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]
local limit, held, spacing = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local lost, far, clear = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local newest = tonumber(redis.call('LINDEX', KEYS[1], 0))
local turn = math.max(now + clear, tonumber(redis.call('GET', KEYS[2]) or '0'))
if newest and newest > now + far then
  redis.call('DEL', KEYS[1])
  newest, turn = nil, now + clear
end
if newest then
  turn = math.max(turn, newest + spacing)
  local oldest = tonumber(redis.call('LINDEX', KEYS[1], limit - 1))
  if oldest then turn = math.max(turn, oldest + held) end
else
  turn = math.max(turn, now + lost)
end
redis.call('LPUSH', KEYS[1], string.format('%.0f', turn))
redis.call('LTRIM', KEYS[1], 0, limit - 1)
redis.call('EXPIRE', KEYS[1], 2592000)
return {string.format('%.0f', now), string.format('%.0f', turn)}
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

    def __init__(self, url: str, name: str, rule: Rule) -> None:
        self._url = url
        # one hash slot for both keys, so that a cluster takes the script
        self._keys = (f"hubassoc:{{{name}}}:turns", f"hubassoc:{{{name}}}:floor")
        times = rule.held, rule.spacing, rule.lost, rule.far
        self._numbers = [str(rule.limit), *map(_micro, times)]
        self._redis: Redis | None = None

    async def time(self) -> float:
        """See ``Log``."""
        seconds, micro = await self._eval("return redis.call('TIME')", (), [])
        return int(seconds) + int(micro) / _MICRO

    async def reserve(self, *, clear: float) -> tuple[float, float]:
        """See ``Log``."""
        now, turn = await self._eval(_RESERVE, self._keys, [*self._numbers, _micro(clear)])
        return float(now) / _MICRO, float(turn) / _MICRO

    async def pause(self, seconds: float) -> None:
        """See ``Log``."""
        await self._eval(_PAUSE, self._keys[1:], [_micro(seconds)])

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
            try:
                redis = Redis.from_url(
                    self._url,
                    socket_timeout=_SECONDS,
                    socket_connect_timeout=_SECONDS,
                    retry=Retry(NoBackoff(), 1),  # a connection that was cut by a restart
                )
                # now, else it looks at its options later
                redis.connection_pool.make_connection()  # type: ignore[no-untyped-call]
            except (TypeError, ValueError):  # its text may have a piece of the password
                raise UsageError(
                    "the shared quota's URL has an option, after its ?, that redis does not take"
                ) from None
            self._redis = redis
        return self._redis


def _micro(seconds: float) -> str:
    """Seconds as whole microseconds, as Lua is told them."""
    return f"{seconds * _MICRO:.0f}"
