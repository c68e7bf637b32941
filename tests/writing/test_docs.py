"""The commands that the page on writing shows; its Python runs with that of all pages."""

import re
from pathlib import Path

import click

from hubassoc_async.cli.commands import hubassoc

PAGE = Path(__file__).parent.parent.parent / "docs" / "writing.md"


def test_every_command_is_there() -> None:
    """The commands of the page are commands, with these options."""
    context = click.Context(hubassoc)
    (page,) = re.findall(r"## On the command line\n\n```\n(.*?)```", PAGE.read_text(), re.DOTALL)
    for line in page.splitlines():
        words = line.split(" < ")[0].split()
        command = hubassoc.get_command(context, words[1])
        assert command is not None, line
        options = {name for one in command.params for name in one.opts}
        nested = getattr(command, "commands", {})
        for one in nested.values():
            options |= {name for each in one.params for name in each.opts}
        assert {word for word in words if word.startswith("--")} <= options
