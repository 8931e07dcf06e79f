"""Run Microsoft's Postman collection, scim2-tester and scim-sanity against the service.

Without --url each suite has a service of its own, on an empty database.
"""

import argparse
import json
import os
import sys

from rich.console import Console
from rich.table import Table

from .outcome import Outcome, UnavailableError
from .suites import SUITES, in_ci, run_suite
from .target import Target


def main() -> int:
    """Run the suites; 0 when each found what is listed and nothing else."""
    options = _parse()
    target = Target(options.url, options.token) if options.url else None
    outcomes: list[Outcome] = []
    skipped: dict[str, UnavailableError] = {}
    for name in options.suites or SUITES:
        print(f"{name} ...", file=sys.stderr)
        try:
            outcomes.append(run_suite(name, target))
        except UnavailableError as error:
            skipped[name] = error
    if options.output == "json":
        report = {
            "suites": [outcome.as_json() for outcome in outcomes],
            "skipped": {name: str(error) for name, error in skipped.items()},
        }
        print(json.dumps(report, indent=2))
    else:
        _print(outcomes, skipped)
    missing = in_ci() and any(error.required for error in skipped.values())
    return 0 if all(outcome.ok for outcome in outcomes) and not missing else 1


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.conformance", description=__doc__)
    parser.add_argument("suites", nargs="*", metavar="SUITE", help=f"of {', '.join(SUITES)}")
    parser.add_argument("--url", help="an empty tenant to run against")
    parser.add_argument("--token", help="its token; better in the environment's SCIM_TOKEN")
    parser.add_argument("-o", "--output", choices=("table", "json"), default="table")
    options = parser.parse_args()
    options.token = options.token or os.environ.get("SCIM_TOKEN")
    if options.url and not options.token:
        parser.error("--url needs a token: --token, or SCIM_TOKEN in the environment")
    for name in options.suites:
        if name not in SUITES:
            parser.error(f"no such suite: {name}")
    return options


def _print(outcomes: list[Outcome], skipped: dict[str, UnavailableError]) -> None:
    console = Console(width=None if sys.stdout.isatty() else 160)
    table = Table(title="Conformance", title_justify="left")
    table.add_column("suite")
    for column in ("passed", "failed", "expected"):
        table.add_column(column, justify="right")
    table.add_column("deviations that are expected, and why", overflow="fold")
    for outcome in outcomes:
        table.add_row(
            outcome.suite,
            str(len(outcome.passed)),
            str(len(outcome.failed)),
            str(len(outcome.expected)),
            "\n".join(f"{check.name}: {reason}" for check, reason in outcome.expected),
        )
    for name, error in skipped.items():
        table.add_row(name, "", "", "", f"skipped: {error}")
    console.print(table)
    for outcome in outcomes:
        if not outcome.ok:
            console.print(outcome.explain(), style="red", markup=False)


if __name__ == "__main__":
    sys.exit(main())
