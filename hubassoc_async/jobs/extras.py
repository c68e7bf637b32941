"""Libraries of optional extras, missed with a word on how to get them.

Knows: names. Does not know: what they are used for.
"""

from importlib.util import find_spec
from typing import Final

from hubassoc_async.errors import UsageError

_EXTRAS: Final = {"pyarrow": "parquet", "duckdb": "duckdb", "psycopg": "postgres"}


def need(what: str, library: str) -> None:
    """Raise ``UsageError`` when a library that ``what`` needs is not installed."""
    if find_spec(library) is None:
        raise UsageError(
            f"{what} needs {library}: pip install 'hubassoc_async[{_EXTRAS[library]}]'"
        )
