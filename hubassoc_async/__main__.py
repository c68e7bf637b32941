"""``python -m hubassoc_async`` is the ``hubassoc`` command."""

from hubassoc_async.cli import main

if __name__ == "__main__":
    main()
