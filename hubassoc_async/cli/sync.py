"""``hubassoc sync``: what should be, beside what is there; and applying that plan.

Knows: how the arguments are spelt, which fit together. Does not know: how either half runs.
"""

from contextlib import nullcontext
from pathlib import Path
from typing import Any, Final

import click
import msgspec
from rich.console import Console

from hubassoc_async.cli.arguments import check_files, open_ids
from hubassoc_async.cli.connecting import STREAM, Connection, connecting, connection
from hubassoc_async.cli.job_run import COMPLETE, SOME_FAILED
from hubassoc_async.cli.journaled_run import refusing, run_job
from hubassoc_async.cli.sync_run import ApplyRun, PlanOptions, PlanRun
from hubassoc_async.cli.told import Telling, ending, ending_of, told
from hubassoc_async.errors import UsageError
from hubassoc_async.jobs.dead_letters import Origin
from hubassoc_async.jobs.edge_source import EdgeSource
from hubassoc_async.jobs.journal import JournalError, has_job
from hubassoc_async.jobs.own_plans import own_plan
from hubassoc_async.jobs.plan_file import MaxDeletes, Plan, open_plan
from hubassoc_async.jobs.sinks import FailureSink
from hubassoc_async.jobs.sync_task import SyncTask, check_undo
from hubassoc_async.jobs.text_file import SourceError

_HELP: Final = """Make the associations of records the desired ones.

--desired has the associations that should be, one a line: CSV, NDJSON (both gzip or not), Parquet,
a folder of it, or a table, with from_object_id, to_object_id, and label or type_id. A pair without
either is to be associated, and keeps its labels; `default` is for no label at all. What is there is
read, and the difference is the plan. Nothing is written without --apply.

\b
Examples:
  hubassoc sync contacts companies --desired links.csv
  hubassoc sync contacts companies --desired links.csv --plan monday.plan
  hubassoc sync contacts companies --plan monday.plan --apply --max-deletes 2%
  hubassoc sync contacts companies --desired links.csv --scope listed --all --apply

Records in scope are those that --desired has as FROM; with --scope listed those of --ids, or --all:
then one without a desired association loses all. Others are not touched.

Right before it is written, each change is compared again with what is there: what somebody has
changed since the plan was made is left alone, and listed. What is overwritten is in the undo file,
which is a plan: apply it to bring back what was. `hubassoc resume JOB` goes on with an --apply that
was killed; to apply a plan twice changes nothing more.

\b
Exit status:
  0  complete
  1  error
  2  usage; also when --max-deletes is exceeded: then nothing was written
  3  done, but some records could not be read, or some changes failed or were stale
  4  stopped by the daily quota
  130, 143  stopped by SIGINT, SIGTERM
"""
_PATH = click.Path(path_type=Path, dir_okay=False)
_APPLYING: Final = {"undo": "--undo", "max_deletes": "--max-deletes", "job": "--job"}
_NOT_KEPT: Final = ("desired", "ids", "id_column", "every", "scope", "apply")


@click.command(
    cls=Telling, help=_HELP, short_help="Make the associations of records the desired ones."
)
@click.argument("from_object_type", metavar="FROM")
@click.argument("to_object_type", metavar="TO")
@click.option("--desired", metavar="FILE|TABLE|-", help="The associations that should be.")
@click.option(
    "--scope",
    type=click.Choice(["from", "listed"]),
    default="from",
    show_default=True,
    help="Whose associations: of the records in --desired, or of those listed.",
)
@click.option("--ids", metavar="FILE", help="The records of --scope listed.")
@click.option("--id-column", metavar="NAME", help="CSV column or NDJSON key of the ids.")
@click.option("--all", "every", is_flag=True, help="For --scope listed: every record of FROM.")
@click.option("--plan", type=_PATH, metavar="FILE", help="Where the plan is kept, or is.")
@click.option("--apply", is_flag=True, help="Write.")
@click.option(
    "--max-deletes",
    metavar="N|P%",
    help="Write nothing if more would be archived; P% of those that are there.",
)
@click.option("--undo", type=_PATH, metavar="FILE", help="What takes it back.  [default: JOB.undo]")
@click.option("--job", metavar="NAME", help="What to call the job.  [default: a name of its own]")
@click.option(
    "--failures", type=_PATH, metavar="FILE", help="Where failures go.  [default: by PLAN or JOB]"
)
@click.option("--summary", type=_PATH, metavar="FILE", help="Write the summary as JSON too.")
@ending
@connecting
@click.pass_context
def sync(context: click.Context, /, **arguments: Any) -> None:
    """Parse, plan, apply, exit."""
    how = ending_of(arguments)
    _check(arguments, how["report"])
    options = connection(arguments, stdin="links" if arguments["desired"] == STREAM else None)
    console = Console(stderr=True, highlight=False, emoji=False)
    status = COMPLETE
    try:
        own = arguments["apply"] and arguments["plan"] is None
        with own_plan() if own else nullcontext(arguments["plan"]) as path:
            if arguments["desired"] is not None:
                status = _make(arguments, options, console, path)
            if status in (COMPLETE, SOME_FAILED) and arguments["apply"]:
                with open_plan(path) as plan:
                    task = _begin(context, arguments, options, plan)
                    summary = arguments["summary"]
                    status = run_job(ApplyRun, options, task, summary=summary, **how) or status
    except (UsageError, SourceError) as error:
        raise click.UsageError(str(error)) from error
    except OSError as error:
        raise click.UsageError(f"{error.filename}: {error.strerror}") from error
    context.exit(status)


def _check(arguments: dict[str, Any], report: Path | None) -> None:
    if arguments["desired"] is None:
        if arguments["plan"] is None or not arguments["apply"]:
            raise click.UsageError("give --desired to make a plan, or --plan and --apply")
        if arguments["scope"] == "listed" or arguments["ids"] or arguments["every"]:
            raise click.UsageError("--scope, --ids and --all are for --desired: the plan has them")
    listed = (arguments["ids"] is not None) + arguments["every"]
    if listed != (arguments["scope"] == "listed"):
        raise click.UsageError("--scope listed goes with either --ids FILE or --all")
    for name, option in _APPLYING.items():
        if not arguments["apply"] and arguments[name] is not None:
            raise click.UsageError(f"{option} is for --apply")
    written = {"--summary": arguments["summary"], "--report": report, **_places(arguments)}
    if arguments["desired"] is None:
        check_files(written, "--plan", arguments["plan"])
    else:
        written = {"--plan": arguments["plan"], **written}
        check_files(written, "--desired", arguments["desired"])
        check_files(written, "--ids", arguments["ids"] or STREAM)
        unread = arguments["failures"] or _unread(arguments["plan"])
        check_files({"--failures": unread}, "--desired", arguments["desired"])
        if arguments["apply"]:
            with refusing():
                _check_job(arguments, written["--undo"])


def _check_job(arguments: dict[str, Any], undo: Path) -> None:
    """Refuse what the job of a plan that is yet to be made could not be. Raises ``UsageError``."""
    name, max_deletes = arguments["job"], arguments["max_deletes"]
    if name is not None and has_job(name):
        raise JournalError(
            f"there is a job {name!r} already, and it is for the plan that it was begun with: go on"
            f" with it (hubassoc resume {name}) or give this one another name"
        )
    if name is not None or arguments["undo"] is not None:  # else it gets a name of its own
        check_undo(undo)
    if max_deletes is not None:
        MaxDeletes.parse(max_deletes)


def _places(arguments: dict[str, Any]) -> dict[str, Path | None]:
    """Where undo and failures go: a plan takes long, and what they need is known before."""
    plan, undo, failures = arguments["plan"], arguments["undo"], arguments["failures"]
    beside = _folder(arguments) / (arguments["job"] or "JOB")  # it gets a name of its own
    if arguments["apply"]:
        undo = undo or Path(f"{beside}.undo")
        failures = failures or Path(f"{beside}.failures.ndjson")
    return {"--undo": undo, "--failures": failures or _unread(plan)}


def _folder(arguments: dict[str, Any]) -> Path:
    """Where a job puts what it is not told a place for."""
    plan: Path | None = arguments["plan"]
    return Path.cwd() if plan is None else plan.resolve().parent


def _unread(plan: Path | None) -> Path:
    """Where records go that cannot be read for a plan."""
    return Path(f"{plan or 'sync'}.failures.ndjson")


def _make(
    arguments: dict[str, Any], options: Connection, console: Console, path: Path | None
) -> int:
    """Make the plan, and say what it is. Returns the exit status."""
    ends = arguments["from_object_type"], arguments["to_object_type"]
    origin = Origin(
        operation="read",
        from_object_type=ends[0],
        to_object_type=ends[1],
        api_version=options.api_version,
    )
    failures = arguments["failures"] or _unread(arguments["plan"])
    given = arguments["desired"]
    desired = EdgeSource(open(0, "rb", closefd=False) if given == STREAM else given)  # noqa: SIM115
    ids = arguments["ids"]
    run = PlanRun(
        PlanOptions(
            **msgspec.structs.asdict(options),
            from_object_type=ends[0],
            to_object_type=ends[1],
            desired=desired,
            listed=None if ids is None else open_ids(ids, arguments["id_column"]),
            every=arguments["every"],
            path=path,
            kept=arguments["plan"] is not None,
            failures=FailureSink(failures, origin.letter),
            summary=None if arguments["apply"] else arguments["summary"],
        ),
        console,
    )
    try:
        return run()
    finally:
        if run.plan is not None:
            run.plan.close()


def _begin(
    context: click.Context, arguments: dict[str, Any], options: Connection, plan: Plan
) -> SyncTask:
    """Begin the job that applies a plan. Raises ``UsageError``."""
    info, limit = plan.info, arguments["max_deletes"]
    ends = arguments["from_object_type"], arguments["to_object_type"]
    if ends != (info.from_object_type, info.to_object_type):
        raise UsageError(
            f"{plan.path} is a plan for {info.from_object_type} → {info.to_object_type}"
        )
    kept = {name: value for name, value in told(context).items() if name not in _NOT_KEPT}
    if arguments["plan"] is None:
        kept["own_plan"] = True
    kept["folder"] = str(_folder(arguments))
    if arguments["undo"] is not None:
        undo = arguments["undo"].resolve()
        # in the plan's folder one may only read: what was stale would fail the job at its end
        kept |= {"undo": str(undo), "stale": f"{undo}.stale.ndjson"}
    return SyncTask.begin(options.api, plan, max_deletes=limit, name=arguments["job"], told=kept)
