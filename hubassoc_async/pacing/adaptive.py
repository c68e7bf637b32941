"""The window that follows what the server says: headers where there are any, 429s where not.

A slot is freed one window after its request's arrival, which is put midway between sending and
answer; a guard for the network's jitter grows with 429s. How many slots there are comes from the
headers: the limit, less what others use, less a little. Without headers it is what ``room`` has
learnt from 429s.

Knows: times it is given, headers, 429s. Does not know: clocks, who waits.
"""

import heapq
from bisect import bisect_right, insort
from math import inf, sqrt

from hubassoc_async.pacing.quota import Quota
from hubassoc_async.pacing.room import Room
from hubassoc_async.pacing.strict import Slot
from hubassoc_async.protocol.quota import RateSignal

_LOST_GUARD = 1.0  # seconds more for a request without an answer: it may arrive after we gave up
_SMOOTH = 0.1  # weight of the newest round trip

# Every number below was chosen by benchmarks/pacing.py, at 100 and 250 requests in 10 s.
# A slot's guard is so many mean deviations of the round trip and a share of the window: at 20 to
# 400 ms each way a multiple of 1.0 meets 1 % of 429s, of 2.1 some 0.1 %, of 3.0 none but 1 % less
# of the quota is used.
_GUARD = 2.1
_MOST_GUARD = 4.0
_GUARD_FLOOR = 0.003
_GUARD_RISE = 1.2  # a 429 while nobody else uses the quota …
_GUARD_EASE = 0.9998  # … and an answer: it settles where one request in 900 meets a 429
_DOUBT = 2.0  # mean deviations of the round trip: so much may be wrong of an arrival's time

# An answer lets so many more out at once, until headers tell of the first window: a third as many
# more each round trip. As many again would meet a nearly full window with 4 requests, not 2.
_OPENS = 0.3

# What others use is taken from the newest headers when it rises and smoothed when it falls.
_OTHERS_DOWN = 0.3
_COMPANY = 0.03  # of the limit used by others: then a 429 is their doing, not the guard's
_COMPANY_GUARD = 0.7  # and the margin covers a part of the guard, which at 1.0 leaves 0.3 % unused
# Left free for others, in deviations of what they may ask for within one round trip, if they ask
# at random. It settles where a request in 250 meets a 429.
_MARGIN = 4.5
_LEAST_MARGIN = 1.5
_MOST_MARGIN = 14.0
_MARGIN_RISE = 0.5  # a 429 …
_MARGIN_AGAIN = 0.2  # … and each more of those out together: many where refused requests count
_MARGIN_EASE = _MARGIN_RISE / 230  # an answer
# A burst of others meets what was sent in the last round trip, at 20 to 400 ms four or five of a
# hundred, and none of them can be called back. A share of 0.01 lets in no fewer of them, 0.03
# leaves 0.6 % more unused.
_SPARE = 0.02  # of the limit: kept free once a burst was met …
_SPARE_EASE = 0.9995  # … and an answer: half of it after 1,400
# Others who ask on when they are refused drive the margin to 6 and more. Then, after a silence, a
# burst on old news met up to seven 429s: one goes ahead for the news. Always to do so would leave
# 0.6 % more unused at 20 to 400 ms.
_WARY = 4.0  # of the margin
_SILENCE = 0.05  # of the window


class AdaptiveWindow:
    """Holds a slot until one window after its arrival; the number of slots follows the answers."""

    slope = 1.6
    """As of ``StrictWindow``: more, to take up at once what a 429 or others left. At 1.2 some 0.7 %
    less is used beside others at 20 to 400 ms; at 2.0 others are refused more often."""

    def __init__(self, quota: Quota) -> None:
        self.quota = quota
        self._configured = quota
        self._out = 0
        self._freed: list[float] = []  # a heap: when the slots of ended requests come free
        self._arrivals: list[float] = []  # of ended requests, in order
        self._sent: dict[int, Slot] = {}  # those out, in order of sending
        self._trip = 0.0  # mean round trip
        self._jitter = 0.0  # its mean deviation
        self._guard = _GUARD
        self._margin = _MARGIN
        self._spare = 0.0
        self._others = 0.0
        self._heard = -inf  # when headers last said something
        self._trusted = True
        self._opening = 1.0  # most out at once until the first window is known
        self._room = Room(quota.limit, quota.seconds)
        self._fell = -inf
        self._answered = -inf
        self._ahead_until = -inf  # one has gone ahead for news, the others wait for it

    def wait(self, now: float) -> float:
        """Seconds until there is a slot, as far as is known; inf: an answer has to come first."""
        self._forget(now)
        if self._out >= self._opening:
            return inf
        if self._ahead_until > now:
            return self._ahead_until - now
        if self._out + len(self._freed) < self._allowed(now):
            return 0.0
        return self._freed[0] - now if self._freed else inf

    def take(self, now: float) -> Slot:
        """Hold a slot for a request that is sent now."""
        self._out += 1
        slot = Slot(now)
        self._sent[id(slot)] = slot
        silent = now - self._answered > _SILENCE * self.quota.seconds
        if silent and self._margin > _WARY and self._in_company(now):
            self._ahead_until = now + 2 * self._trip
        return slot

    def cancel(self, slot: Slot) -> None:
        """Nothing was sent."""
        self._out -= 1
        del self._sent[id(slot)]

    def end(self, slot: Slot, now: float, signal: RateSignal | None) -> None:
        """The request was answered just now; without a signal it never will be."""
        self.cancel(slot)
        if signal is None:
            self._opening += 1  # a lost answer is no refusal
            insort(self._arrivals, now)
            heapq.heappush(self._freed, now + self.quota.seconds + _LOST_GUARD)
            return
        self._answered, self._ahead_until = now, -inf
        trip = now - slot.sent
        self._learn_trip(trip)
        slot.arrived = slot.sent + trip / 2
        own = self._own_at(slot.arrived)
        insort(self._arrivals, slot.arrived)
        guard = self._guard * self._jitter + _GUARD_FLOOR * self.quota.seconds
        if self._in_company(now):
            guard *= _COMPANY_GUARD
        # a window after the answer is always enough: where round trips vary wildly it is sooner
        free = min(now, slot.arrived - self._trip / 2 + guard) + self.quota.seconds
        heapq.heappush(self._freed, free)
        self._hear(now, own, signal)
        if signal.rejected:
            if not self._of_another_limit(signal):
                self._fall(slot, now, own)
        else:
            self._opening += _OPENS
            self._admit(now, own)

    def share(self, now: float) -> float:
        """Share of the quota in use, 0 to 1."""
        self._forget(now)
        used = self._out + len(self._freed) + (self._others if self._hears(now) else 0.0)
        return max(0.0, min(1.0, used / self.quota.limit))

    def _forget(self, now: float) -> None:
        while self._freed and self._freed[0] <= now:
            heapq.heappop(self._freed)
        half = len(self._arrivals) // 2
        if half and self._arrivals[half] <= now - 3 * self.quota.seconds:
            del self._arrivals[: half + 1]

    def _learn_trip(self, trip: float) -> None:
        if not self._trip:
            self._trip, self._jitter = trip, trip / 4
        off = trip - self._trip
        self._trip += _SMOOTH * off
        self._jitter += _SMOOTH * (abs(off) - self._jitter)

    def _own_at(self, when: float) -> int:
        """How many of ours the server counted at a time, in the window that ended then."""
        arrivals = self._arrivals
        first = bisect_right(arrivals, when - self.quota.seconds)
        last = bisect_right(arrivals, when)
        lead = self._trip / 2
        out = sum(1 for slot in self._sent.values() if slot.sent + lead <= when)
        return last - first + out

    # what headers say

    def _hears(self, now: float) -> bool:
        """Whether headers speak of this window, and did so lately."""
        return self._trusted and now - self._heard < 2 * self.quota.seconds

    def _in_company(self, now: float) -> bool:
        return self._hears(now) and self._others > _COMPANY * self.quota.limit

    def _hear(self, now: float, own: int, signal: RateSignal) -> None:
        if signal.rejected and self._of_another_limit(signal):
            return  # its headers may be that limit's: 19 a second, or the day's 250,000
        if signal.limit is None or signal.remaining is None or not self._trusted:
            return
        if signal.rejected and signal.remaining > 0:
            self._trusted = False  # they speak of another limit than the one that was met
            self._start(self._configured)
            return
        if signal.limit != self.quota.limit or signal.seconds not in (None, self.quota.seconds):
            self._start(Quota(signal.limit, signal.seconds or self.quota.seconds))
        if not signal.rejected:
            self._opening = inf
            own += 1
        sample = signal.limit - signal.remaining - own
        if not self._hears(now):
            self._others = float(sample)
        off = sample - self._others
        if signal.rejected and off > _COMPANY * signal.limit:
            self._spare = _SPARE * signal.limit
        self._others += off if off > 0 else _OTHERS_DOWN * off
        self._heard = now

    def _start(self, quota: Quota) -> None:
        self.quota = quota
        self._room = Room(quota.limit, quota.seconds)

    def _allowed(self, now: float) -> float:
        if not self._hears(now):
            return self._room.turns(now)
        others = max(0.0, self._others)
        margin = self._margin * sqrt(others * self._trip / self.quota.seconds)
        return max(1.0, self.quota.limit - others - max(margin, self._spare))

    # what 429s say

    def _of_another_limit(self, signal: RateSignal) -> bool:
        """Whether a 429 says nothing of this window: a second's, the day's, Cloudflare's."""
        return signal.policy_seconds not in (None, self.quota.seconds)

    def _fall(self, slot: Slot, now: float, own: int) -> None:
        """Leave more room; for all that were out together little more than for one."""
        again = slot.sent < self._fell
        if not again:
            self._fell = now
        if self._in_company(now):
            rise = _MARGIN_AGAIN if again else _MARGIN_RISE
            self._margin = min(_MOST_MARGIN, self._margin + rise)
            return
        if again:
            return
        doubt = _DOUBT * self._jitter * self.quota.limit / self.quota.seconds
        if self._hears(now) or not self._room.refused(now, own, doubt):
            self._guard = min(_MOST_GUARD, self._guard * _GUARD_RISE)

    def _admit(self, now: float, own: int) -> None:
        if not self._hears(now):
            self._room.admitted(own)
            if self._room.limit > self.quota.limit:  # for the smoother before this window
                self.quota = Quota(self._room.limit, self.quota.seconds)
        self._ease()

    def _ease(self) -> None:
        self._guard = max(_GUARD, self._guard * _GUARD_EASE)
        self._margin = max(_LEAST_MARGIN, self._margin - _MARGIN_EASE)
        self._spare *= _SPARE_EASE
