"""A process that uses a shared quota as fast as it may, and reports each request to a judge.

``python -m tests.pacing.worker URL LIMIT/SECONDS JUDGE_PORT NAME CLOCK_OFF_SECONDS``
"""

import asyncio
import sys
import time
from functools import partial

from hubassoc_async.pacing import Pacing, Quota, SharedQuota


class Loop(asyncio.SelectorEventLoop):
    """A loop whose clock is off."""

    off = 0.0

    def time(self) -> float:
        return super().time() + self.off


async def work(url: str, quota: str, port: int, name: str) -> None:
    """Ask for turns and use them, until killed."""
    _, sending = await asyncio.open_connection("127.0.0.1", port)
    shared = SharedQuota(url, portal="123", quota=Quota.parse(quota), guard=0.05)
    pacers = Pacing(shared, "strict").open(asyncio.get_running_loop())
    while True:
        turn = await pacers.of("associations").acquire()
        sending.write(f"{name}\n".encode())
        asyncio.get_running_loop().call_later(0.01, partial(turn.release, answered=True))


if __name__ == "__main__":
    url, quota, port, name, off = sys.argv[1:]
    Loop.off = float(off)
    right = time.time
    time.time = lambda: right() + Loop.off
    with asyncio.Runner(loop_factory=Loop) as runner:
        runner.run(work(url, quota, int(port), name))
