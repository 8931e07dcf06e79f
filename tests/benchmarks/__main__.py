"""Measure, print a table, and write the figures as JSON."""

import argparse
import json
import os
import platform
import sys
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.benchmarks import operator, service
from tests.benchmarks.samples import Row

_BUILD = Path("build/bench")
_SUBJECTS = ("service", "operator")


def main() -> int:
    """Run the benchmarks; the exit code is 1 where a target is missed."""
    options = _parser().parse_args()
    console = Console(stderr=True)
    _BUILD.mkdir(parents=True, exist_ok=True)
    missed = False
    for subject in _SUBJECTS if options.subject == "all" else (options.subject,):
        with console.status("starting") as status:
            say = status.update if console.is_terminal else console.print
            if subject == "service":
                settings = {name: getattr(options, name) for name in ("rounds", "seconds", "scale")}
                rows = service.measure(_BUILD.resolve(), **settings, say=say)
            else:
                settings = {"tenants": options.tenants or [1000]}
                rows = operator.measure(**settings, say=say)
        document = {
            "machine": {
                "cpus": os.cpu_count(),
                "python": platform.python_version(),
                "system": f"{platform.system()} {platform.machine()}",
            },
            **settings,
            "figures": [_as_json(row) for row in rows],
        }
        (_BUILD / f"{subject}.json").write_text(json.dumps(document, indent=2) + "\n")
        if options.output == "json":
            print(json.dumps(document, indent=2))
        else:
            width = None if sys.stdout.isatty() else 140
            Console(width=width).print(_table(f"The {subject}", rows))
        missed |= any(row.met is False for row in rows)
    return int(missed)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("subject", nargs="?", choices=(*_SUBJECTS, "all"), default="all")
    group = parser.add_argument_group("service")
    group.add_argument("--rounds", type=int, default=3)
    group.add_argument("--seconds", type=int, default=4, help="how long each load goes on")
    group.add_argument(
        "--scale", type=float, default=1.0, help="of the numbers of users; below 1 to try it out"
    )
    group = parser.add_argument_group("operator")
    group.add_argument(
        "--tenants", type=int, action="append", help="how many, 1000 if not given; may be repeated"
    )
    parser.add_argument("-o", "--output", choices=("table", "json"), default="table")
    return parser


def _as_json(row: Row) -> dict[str, Any]:
    return {
        "name": row.name,
        "subject": row.subject,
        "value": round(row.value, 3),
        "unit": row.unit,
        "target": row.target,
        "met": row.met,
        "note": row.note,
    }


def _table(title: str, rows: list[Row]) -> Table:
    table = Table(title=title, title_justify="left")
    for column in ("figure", "of", "value", "target", "", "note"):
        table.add_column(column, justify="right" if column in {"value", "target"} else "left")
    for row in rows:
        target = "" if row.target is None else f"{'≥' if row.higher else '≤'} {row.target:g}"
        met = {None: "", True: "[green]met[/]", False: "[bold red]missed[/]"}[row.met]
        value = f"{row.value:,.0f}" if row.value >= 100 else f"{row.value:.2f}"
        table.add_row(row.name, row.subject, f"{value} {row.unit}".strip(), target, met, row.note)
    return table


if __name__ == "__main__":
    sys.exit(main())
