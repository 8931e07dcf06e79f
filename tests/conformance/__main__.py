"""Run Microsoft's Postman collection, scim2-tester and scim-sanity against the service.

Without --url each suite has a service of its own, on an empty database of either kind.
"""

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterator
from functools import partial
from itertools import groupby
from operator import itemgetter

from rich.console import Console
from rich.table import Table

from .outcome import Outcome, UnavailableError
from .suites import SUITES, Database, in_ci, run_on, run_suite
from .target import Target


def main() -> int:
    """Run the suites; 0 when each found what is listed and nothing else."""
    options = _parse()
    outcomes: dict[str, Outcome] = {}
    skipped: dict[str, UnavailableError] = {}
    for title, run in _runs(options):
        print(f"{title} ...", file=sys.stderr)
        try:
            outcomes[title] = run()
        except UnavailableError as error:
            skipped[title] = error
    if options.output == "json":
        report = {
            "suites": {title: outcome.as_json() for title, outcome in outcomes.items()},
            "skipped": {title: str(error) for title, error in skipped.items()},
        }
        print(json.dumps(report, indent=2))
    else:
        _print(outcomes, skipped)
    missing = in_ci() and any(error.required for error in skipped.values())
    return 0 if all(outcome.ok for outcome in outcomes.values()) and not missing else 1


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.conformance", description=__doc__)
    parser.add_argument("suites", nargs="*", metavar="SUITE", help=f"of {', '.join(SUITES)}")
    parser.add_argument("--url", help="an empty tenant to run against")
    parser.add_argument("--token", help="its token; better in the environment's SCIM_TOKEN")
    parser.add_argument(
        "--database",
        type=Database,
        choices=list(Database),
        action="append",
        help="what a service of ours runs on; repeatable, by default both",
    )
    parser.add_argument("-o", "--output", choices=("table", "json"), default="table")
    options = parser.parse_args()
    options.token = options.token or os.environ.get("SCIM_TOKEN")
    if options.url and not options.token:
        parser.error("--url needs a token: --token, or SCIM_TOKEN in the environment")
    for name in options.suites:
        if name not in SUITES:
            parser.error(f"no such suite: {name}")
    return options


def _runs(options: argparse.Namespace) -> Iterator[tuple[str, Callable[[], Outcome]]]:
    """Yield what is to be run, each with its title."""
    for name in options.suites or SUITES:
        if options.url:
            yield name, partial(run_on, name, Target(options.url, options.token))
        else:
            for database in options.database or Database:
                yield f"{name}, {database}", partial(run_suite, name, database)


def _print(outcomes: dict[str, Outcome], skipped: dict[str, UnavailableError]) -> None:
    console = Console(width=None if sys.stdout.isatty() else 160)
    table = Table(title="Conformance", title_justify="left")
    table.add_column("suite")
    for column in ("passed", "failed", "expected"):
        table.add_column(column, justify="right")
    table.add_column("deviations that are expected, and why", overflow="fold")
    for title, outcome in outcomes.items():
        table.add_row(
            title,
            str(len(outcome.passed)),
            str(len(outcome.failed)),
            str(len(outcome.expected)),
            "\n".join(_by_reason(outcome)),
        )
    for title, error in skipped.items():
        table.add_row(title, "", "", "", f"skipped: {error}")
    console.print(table)
    for title, outcome in outcomes.items():
        if not outcome.ok:
            console.print(f"{title}: {outcome.explain()}", style="red", markup=False)


def _by_reason(outcome: Outcome) -> Iterator[str]:
    """Yield each reason once, after the checks that it is the reason of."""
    for reason, group in groupby(outcome.expected, key=itemgetter(1)):
        yield "\n".join([*(check.name for check, _ in group), f"  {reason}"])


if __name__ == "__main__":
    sys.exit(main())
