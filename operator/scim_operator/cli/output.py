"""Prints a JSON document for machines, or tables and text for people."""

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

_UNFOLDED_WIDTH = 10_000
"""Columns without a terminal: grep needs lines that are not folded."""


def create_text(value: object, style: str = "") -> Text:
    """Return a value as text; a directory's values must not control the terminal."""
    if value is None:
        return Text("-", "dim")
    if isinstance(value, datetime):
        value = value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    if isinstance(value, bool):
        value = "yes" if value else "no"
    shown = "".join(letter if letter.isprintable() else "\ufffd" for letter in str(value))
    return Text(shown, style)


def create_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Table:
    """Create a table like kubectl's, folded to the terminal; without columns it has no header."""
    created = Table(
        box=None,
        pad_edge=False,
        header_style="bold",
        padding=(0, 3, 0, 0),
        show_header=bool(columns),
    )
    for column in columns:
        created.add_column(column, overflow="fold")
    for row in rows:
        created.add_row(*(cell if isinstance(cell, Text) else create_text(cell) for cell in row))
    return created


def show(output: str, document: Any, *parts: RenderableType) -> None:
    """Print the document, or the parts with the same content for people."""
    if output == "json":
        click.echo(json.dumps(document, indent=2, default=_encode))
        return
    console = Console(
        width=None if sys.stdout.isatty() else _UNFOLDED_WIDTH,
        highlight=False,
        markup=False,
        emoji=False,
    )
    for part in parts:
        console.print(part)


def _encode(value: object) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    raise TypeError(f"{value!r} has no JSON form")
