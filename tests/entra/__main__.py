"""Provision a generated directory into a SCIM tenant, as Microsoft Entra ID would."""

import argparse
import asyncio
import json
import os
import sys
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from .dialect import Dialect, Flag, Quirk
from .directory import Directory
from .errors import QuarantineError, RefusedError
from .mapping import Mapping
from .provisioning import Provisioning, Scope
from .report import Report
from .state import JobState
from .verification import PagingError

_CYCLES = ("initial", "incremental", "repeat")


def main() -> int:
    """Run the cycles of the command line; the exit code is the result."""
    options = _parse()
    report = asyncio.run(_provision(options))
    if options.output == "json":
        print(json.dumps(report.as_json(), ensure_ascii=False, indent=2))
    else:
        report.print(Console(width=None if sys.stdout.isatty() else 160))
    return report.exit_code


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.entra",
        description=__doc__,
        epilog="Exit code: 0 all provisioned; 1 Entra would put the job into quarantine;"
        " 3 single objects failed, or the tenant differs from the directory.",
    )
    parser.add_argument("--url", required=True, help="the Tenant URL")
    parser.add_argument("--token", help="the secret token; better in the environment's SCIM_TOKEN")
    parser.add_argument(
        "--dialect", type=Flag, choices=list(Flag), help="default: by the flag in the Tenant URL"
    )
    parser.add_argument(
        "--quirk",
        type=Quirk,
        choices=list(Quirk),
        action="append",
        default=[],
        help="send an older or rarer shape too; repeatable",
    )
    parser.add_argument("--users", type=int, default=20, help="size of the directory")
    parser.add_argument("--groups", type=int, default=3, help="size of the directory")
    parser.add_argument("--members", type=int, default=8, help="members of a group, on average")
    parser.add_argument("--seed", type=int, default=1, help="the same seed, the same directory")
    parser.add_argument(
        "--cycles",
        type=_cycle_list,
        default=["initial", "incremental"],
        metavar="LIST",
        help="of initial, incremental (the directory changes first), repeat (it does not);"
        " default: initial,incremental",
    )
    parser.add_argument("--scope", type=Scope, choices=list(Scope), default=Scope.ALL)
    parser.add_argument(
        "--unmap",
        action="append",
        default=[],
        metavar="SOURCE",
        help="leave an attribute of the directory out of the mapping, such as mail; repeatable",
    )
    parser.add_argument("--parallel", type=int, default=8, help="connections")
    parser.add_argument("--members-per-patch", type=int, default=1, metavar="N")
    parser.add_argument("--timeout", type=float, default=60.0, metavar="SECONDS")
    parser.add_argument(
        "--state",
        type=Path,
        metavar="FILE",
        help="go on from this file where it exists, and write it at the end",
    )
    parser.add_argument(
        "--no-verify", action="store_true", help="do not read the tenant back at the end"
    )
    parser.add_argument(
        "--shared", action="store_true", help="other users and groups in the tenant are no error"
    )
    parser.add_argument("--test-connection-only", action="store_true")
    parser.add_argument("-o", "--output", choices=("table", "json"), default="table")
    options = parser.parse_args()
    options.token = options.token or os.environ.get("SCIM_TOKEN")
    if not options.token:
        parser.error("no token: give --token, or SCIM_TOKEN in the environment")
    return options


def _cycle_list(text: str) -> list[str]:
    names = [name for name in text.split(",") if name]
    unknown = sorted(set(names) - set(_CYCLES))
    if unknown:
        raise argparse.ArgumentTypeError(f"unknown: {', '.join(unknown)}")
    return names


async def _provision(options: argparse.Namespace) -> Report:
    state = JobState()
    if options.state and options.state.exists():
        state = JobState.load(options.state)
    dialect = Dialect.of(options.url, options.quirk)
    if options.dialect:
        dialect = replace(dialect, flag=options.dialect)
    job = Provisioning(
        options.url,
        options.token,
        mapping=_mapping(options.unmap),
        dialect=dialect,
        scope=options.scope,
        parallel=options.parallel,
        members_per_patch=options.members_per_patch,
        timeout=options.timeout,
        state=state,
    )
    report = Report(options.url, dialect.flag.value)
    async with job:
        report.cycles.append(await job.test_connection())
        if report.cycles[0].clean and not options.test_connection_only:
            await _run_cycles(job, options, report)
    if options.state:
        state.save(options.state)
    return report


async def _run_cycles(job: Provisioning, options: argparse.Namespace, report: Report) -> None:
    directory = Directory.generate(
        options.seed, users=options.users, groups=options.groups, members=options.members
    )
    for step in range(job.state.changes):
        directory = directory.change(options.seed + step)
    for name in options.cycles:
        if name == "incremental":
            directory = directory.change(options.seed + job.state.changes)
            job.state.changes += 1
        run = job.initial_cycle if name == "initial" else job.incremental_cycle
        report.cycles.append(await run(directory))
    report.users, report.groups = len(directory.users), len(directory.groups)
    report.acknowledged = job.state.ledger.acknowledged
    if options.no_verify:
        return
    try:
        report.differences = await job.verify(directory, exclusive=not options.shared)
        report.lost = await job.lost_writes()
    except (PagingError, QuarantineError, RefusedError) as error:
        report.problem = str(error)


def _mapping(unmapped: list[str]) -> Mapping:
    mapping = Mapping()
    for source in unmapped:
        mapping = mapping.without(source)
    return mapping


if __name__ == "__main__":
    sys.exit(main())
