"""The group that all commands are in."""

import click

from hubassoc_async.cli.demo import demo
from hubassoc_async.cli.diff import diff_command
from hubassoc_async.cli.emulator import emulator_command
from hubassoc_async.cli.export import export
from hubassoc_async.cli.importing import import_command
from hubassoc_async.cli.jobs import jobs_command, resume, status
from hubassoc_async.cli.labels import labels
from hubassoc_async.cli.limits import limits
from hubassoc_async.cli.plan import plan
from hubassoc_async.cli.read import read
from hubassoc_async.cli.replay import replay
from hubassoc_async.cli.sync import sync
from hubassoc_async.cli.write import COMMANDS


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="hubassoc_async", prog_name="hubassoc")
def hubassoc() -> None:
    """Read and write HubSpot CRM associations in bulk.

    The token comes from the environment (HUBSPOT_ACCESS_TOKEN), a file or stdin, never from an
    argument. `hubassoc demo` shows what this does without an account.
    """


hubassoc.add_command(read)
hubassoc.add_command(plan)
hubassoc.add_command(demo)
hubassoc.add_command(emulator_command)
for name, command in COMMANDS.items():
    hubassoc.add_command(command, name)
hubassoc.add_command(export)
hubassoc.add_command(import_command)
hubassoc.add_command(sync)
hubassoc.add_command(diff_command)
hubassoc.add_command(resume)
hubassoc.add_command(replay)
hubassoc.add_command(jobs_command)
hubassoc.add_command(status)
hubassoc.add_command(labels)
hubassoc.add_command(limits)
