"""``python -m hubassoc_async.emulator``: a portal on a port until interrupted.

It needs no extra. ``hubassoc emulator`` has the same options and help that reads better.
"""

import argparse
from pathlib import Path

from hubassoc_async.emulator.launch import Launch, run

SIZES = ("contacts", "companies", "deals", "tickets", "associations", "heavy")


def main() -> None:
    """Read the arguments and serve."""
    parser = argparse.ArgumentParser(prog="python -m hubassoc_async.emulator")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--seed", type=int, default=0)
    for name in SIZES[:4]:
        parser.add_argument(f"--{name}", type=int)
    parser.add_argument("--associations", type=float, help="companies of a contact, on average")
    parser.add_argument("--heavy", type=float, help="share of contacts with 2,000 companies")
    parser.add_argument("--load", type=Path, metavar="FILE")
    parser.add_argument("--save", type=Path, metavar="FILE")
    parser.add_argument("--tier", default="unlimited")
    parser.add_argument("--limit", metavar="N/SECONDS")
    parser.add_argument("--daily", type=int)
    parser.add_argument("--latency", default="none", metavar="none|hubspot|MS-MS")
    parser.add_argument("--fault", action="append", default=[], metavar="KIND=PROBABILITY")
    parser.add_argument("--unknown", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--token", action="append", default=[])
    parser.add_argument("--time-zone", default="UTC")
    given = vars(parser.parse_args())
    sizes = {name: value for name in SIZES if (value := given.pop(name)) is not None}
    for name in ("fault", "unknown", "token"):
        given[f"{name}s"] = tuple(given.pop(name))
    try:
        run(Launch(sizes=sizes, **given), lambda url: print(url, flush=True))  # noqa: T201
    except (ValueError, OSError) as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
