"""The ``hubassoc`` command: it parses, calls the library and prints.

Its libraries are an extra; without them ``main`` says how to get them.
"""

import signal
import sys
from importlib.util import find_spec


def end_by_signals() -> None:
    """Let SIGINT and SIGTERM end the process at once, with the exit status of shells."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _: sys.exit(128 + number))


def main() -> None:
    """Run the ``hubassoc`` command."""
    if find_spec("click") is None or find_spec("rich") is None:
        sys.exit("hubassoc: the command line is an extra: pip install 'hubassoc_async[cli]'")
    end_by_signals()
    from hubassoc_async.cli.commands import hubassoc

    hubassoc(prog_name="hubassoc")
