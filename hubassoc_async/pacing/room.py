"""How many of our turns fit into a window, as far as 429s alone can tell.

After a 429 the room falls a little below what was met and climbs back, slowly at first and then
ever faster: what was met holds for a while, and then it is old news. Each 429 that follows makes
this take longer, up to the time of so many requests that one refusal among them is little. At the
limit, a request more asks now and then whether it is higher: ever less often while it is refused,
and for twice as many, again and again, while it is not.

Knows: times, limits, counts. Does not know: headers, slots, others.
"""

from math import inf

# Chosen by benchmarks/pacing.py. Shares are shares of the limit.
_STEP = 0.05  # share by which the room falls: less meets more 429s, more leaves more unused
_FIRST_PATIENCE = 1.0  # windows until the room is again what was met; twice as many each 429 …
_SPARING = 350.0  # … up to the time of so many requests
_FULL = 0.95  # share of the room that was used: then an answer says that so many fit
_JITTER = 0.03  # share: so near to the limit a 429 is the network's doing

# A try costs one to four 429s: one in 3,000 requests came to one refusal in 900.
_FIRST_TRY = 1.5  # windows at the limit before one request more is tried …
_LATER = 8.0  # … so many times as long after each that was refused …
_LAST_TRY = 5_000.0  # … up to so many requests
_DOUBLES = 0.1  # share: after so many requests more, twice as many are tried
_RAISED = 0.1  # share: so many more than the limit are no jitter, it is higher


class Room:
    """The turns that fit."""

    def __init__(self, limit: int, seconds: float) -> None:
        self._seconds = seconds
        self._configured = float(limit)
        self._limit = float(limit)
        self._met = inf  # what was too much; inf: all of the limit is believed to fit
        self._fell = -inf
        self._patience = _FIRST_PATIENCE
        self._full = 0  # requests let in at the limit since the last 429
        self._try = _FIRST_TRY  # in windows

    @property
    def limit(self) -> int:
        """What is believed to fit while nobody else asks."""
        return round(self._limit)

    def turns(self, now: float) -> float:
        """How many may be held now."""
        if self._met < inf:
            climbed = (now - self._fell) / self._seconds / self._patience
            turns = self._met + _STEP * self._limit * (climbed**3 - 1)
            if turns < self._limit:
                return max(1.0, turns)
            self._met, self._full = inf, 0
        return self._limit + self._tried()

    def admitted(self, own: int) -> None:
        """A request was let in, with so many of ours before it in the window."""
        if self._met < inf or own < _FULL * (self._limit + self._tried()):
            return
        self._full += 1
        if self._tried() >= _RAISED * self._limit:
            self._limit = own + 1.0
            self._try = _FIRST_TRY
            self._full = round((_FIRST_TRY + 2 * _DOUBLES) * self._limit)  # on with four more

    def refused(self, now: float, own: int, doubt: float) -> bool:
        """Fall to what was too much, give or take ``doubt``. False: it says nothing of the room."""
        again = now - self._fell < self._seconds / 2
        tried = self._tried() > 0
        self._fell, self._full = now, 0
        near = own + doubt > (1 - _JITTER) * self._limit and not again
        if own >= self._configured or near:
            if tried:
                self._try = min(max(_FIRST_TRY, _LAST_TRY / self._limit), _LATER * self._try)
            self._limit = max(self._configured, min(self._limit, own - 1.0))
            return tried
        met = max(1.0, float(own))
        longer = min(2 * self._patience, max(_FIRST_PATIENCE, _SPARING / met))
        self._patience = _FIRST_PATIENCE if self._met == inf else longer
        self._met = met
        return True

    def _tried(self) -> float:
        """Turns more than the limit, to find out whether it is higher."""
        more = self._full / self._limit - self._try
        if self._met < inf or more < 0:
            return 0.0
        return float(2 ** (more / _DOUBLES))
