"""What the plugin prints: a document for machines, or tables and text for people."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import click
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from scim_operator.cli.doctor.checks import Outcome

_UNFOLDED = 10_000
"""Columns where there is no terminal: lines are for grep then, and must not be folded."""

COLOURS = {
    Outcome.OK: "green",
    Outcome.WARNING: "yellow",
    Outcome.PROBLEM: "bold red",
    Outcome.UNKNOWN: "dim",
}


def text(value: object, style: str = "") -> Text:
    """Show a value; what a directory holds must not steer the terminal."""
    if value is None:
        return Text("-", "dim")
    if isinstance(value, datetime):
        value = value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    if isinstance(value, bool):
        value = "yes" if value else "no"
    shown = "".join(letter if letter.isprintable() else "\ufffd" for letter in str(value))
    return Text(shown, style)


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Table:
    """Make a table as kubectl's, folded to the terminal; without columns it has no header."""
    made = Table(
        box=None,
        pad_edge=False,
        header_style="bold",
        padding=(0, 3, 0, 0),
        show_header=bool(columns),
    )
    for column in columns:
        made.add_column(column, overflow="fold")
    for row in rows:
        made.add_row(*(cell if isinstance(cell, Text) else text(cell) for cell in row))
    return made


def show(output: str, document: Any, *parts: RenderableType) -> None:
    """Print the document, or the parts that say the same to people."""
    if output == "json":
        click.echo(json.dumps(document, indent=2, default=_encode))
        return
    console = Console(
        width=None if sys.stdout.isatty() else _UNFOLDED, highlight=False, markup=False, emoji=False
    )
    for part in parts:
        console.print(part)


def _encode(value: object) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    raise TypeError(f"{value!r} has no JSON form")
