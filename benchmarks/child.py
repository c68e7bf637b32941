"""The one way to run a process and measure it: a function called in a process of its own.

``python -m benchmarks.child MODULE`` reads calls as JSON lines, makes them, and writes what they
return. Cost is what the child itself used (user and system CPU of all its threads), not how long
it took: a busy machine makes everything late and little dear.

Knows: processes and what they use. Does not know: what is measured.
"""

import importlib
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple, Self, TypeVar

T = TypeVar("T")
ROOT = Path(__file__).parent.parent


class Cost(NamedTuple):
    """What something took."""

    cpu: float
    """Seconds, user and system, of all threads of the process."""
    wall: float


def cost_of(work: Callable[[], T]) -> tuple[T, Cost]:
    """Do something in this process and say what it took."""
    cpu, wall = time.process_time(), time.perf_counter()
    result = work()
    return result, Cost(time.process_time() - cpu, time.perf_counter() - wall)


def resident_bytes() -> int:
    """Say what this process has in memory now."""
    return _status("VmRSS") or peak_bytes()


def peak_bytes() -> int:
    """Say what this process has had in memory at the most.

    Not ``ru_maxrss`` where there is better: on Linux it starts with what the parent had.
    """
    return _status("VmHWM") or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _status(field: str) -> int:
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith(field):
                return int(line.split()[1]) * 1024
    return 0


def pin(process_id: int, *, server: bool) -> None:
    """Put a server on the last core and everything else on the others, where there are two."""
    with suppress(AttributeError, OSError):  # not every system has it
        cores = os.sched_getaffinity(0)
        last = {max(cores)}
        os.sched_setaffinity(process_id, last if server else cores - last or cores)


class Child:
    """A process in which functions of one module are called, one at a time."""

    def __init__(self, module: str, *, pinned: bool = True) -> None:
        """``pinned``: off the server's core."""
        command = [sys.executable, "-m", "benchmarks.child", module]
        self._process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        if pinned:
            pin(self._process.pid, server=False)
        self._module = module

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def begin(self, function: str, *arguments: object) -> None:
        """Send a call, whose arguments are what JSON can carry."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps([function, *arguments]).encode() + b"\n")
        self._process.stdin.flush()

    def end(self) -> Any:
        """Wait for what the call returns. Raises ``RuntimeError`` if it failed: stderr says why."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"a process of {self._module} failed: see its traceback above")
        return json.loads(line)

    def call(self, function: str, *arguments: object) -> Any:
        """Call a function there and give what it returns."""
        self.begin(function, *arguments)
        return self.end()


def call_apart(function: Callable[..., Any], *arguments: object) -> Any:
    """Call a function once in a fresh process: what else a process keeps would count."""
    with Child(function.__module__, pinned=False) as child:
        return child.call(function.__qualname__, *arguments)


def cpu_of_code(code: str) -> float:
    """Run a line of Python in a fresh interpreter; the CPU seconds of all of it.

    It may keep what it compiles, as an installed package has it: else an editable checkout pays
    for its compiler each time, and the libraries beside it do not.
    """
    command = [sys.executable, "-c", code]
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    process = subprocess.Popen(command, cwd=ROOT, env=kept)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{code!r} failed")
    return used.ru_utime + used.ru_stime


def main(module: str) -> None:
    """Answer calls until stdin closes."""
    place = importlib.import_module(module)
    answers = sys.stdout
    sys.stdout = sys.stderr
    for line in sys.stdin:
        function, *arguments = json.loads(line)
        answers.write(json.dumps(getattr(place, function)(*arguments)) + "\n")
        answers.flush()


if __name__ == "__main__":
    main(sys.argv[1])
