"""The group that all commands are in.

Knows: where each command is. A command's module is imported when it is asked for: to import all of
them takes as long as a short read.
"""

from importlib import import_module
from typing import Final

import click

_COMMANDS: Final = {
    "read": "read.read",
    "plan": "plan.plan",
    "demo": "demo.demo",
    "emulator": "emulator.emulator_command",
    "create": "write.create",
    "create-default": "write.create_default",
    "archive": "write.archive",
    "archive-labels": "write.archive_labels",
    "export": "export.export",
    "import": "importing.import_command",
    "sync": "sync.sync",
    "diff": "diff.diff_command",
    "resume": "jobs.resume",
    "replay": "replay.replay",
    "jobs": "jobs.jobs_command",
    "status": "jobs.status",
    "labels": "labels.labels",
    "limits": "limits.limits",
}
"""Module and name within this folder, by the command's name."""


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module, _, name = _COMMANDS[cmd_name].partition(".")
        command: click.Command = getattr(import_module(f"hubassoc_async.cli.{module}"), name)
        return command


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(package_name="hubassoc_async", prog_name="hubassoc")
def hubassoc() -> None:
    """Read and write HubSpot CRM associations in bulk.

    The token comes from the environment (HUBSPOT_ACCESS_TOKEN), a file or stdin, never from an
    argument. `hubassoc demo` shows what this does without an account.
    """
