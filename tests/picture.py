"""Draws docs/architecture.svg from text: the import contracts and the laws of the packages.

The layers of both programs are those that import-linter checks (pyproject.toml), and the sentence
in each box is the first one of the package's docstring, so that the picture cannot go stale.
"""

import ast
import textwrap
import tomllib
from html import escape
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

_STYLE = """
text { font: 13px system-ui, sans-serif; fill: #1f2328 }
.title { font-weight: 600; font-size: 15px }
.name { font-weight: 600; font-family: ui-monospace, monospace }
.small { font-size: 11.5px; fill: #57606a }
rect { fill: #ffffff; stroke: #8c959f; rx: 5 }
.program { fill: #f6f8fa; stroke: #d0d7de; rx: 9 }
.outside { fill: #ddf4ff; stroke: #54aeff }
path { fill: none; stroke: #57606a; stroke-width: 1.4; marker-end: url(#head) }
#head path { fill: #57606a; stroke: none; marker-end: none }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 }
  .small { fill: #9198a1 }
  rect { fill: #151b23; stroke: #656c76 }
  .program { fill: #0d1117; stroke: #3d444d }
  .outside { fill: #0c2d6b; stroke: #388bfd }
  path { stroke: #9198a1 }
  #head path { fill: #9198a1 }
}
"""

_COLUMN = 390
_MIDDLE = 210
_GAP = 34
_MARGIN = 16
_LINE = 15
_PADDING = 10

Layers = list[list[str]]


def draw() -> str:
    """Return the picture as SVG."""
    left, right = _MARGIN, _MARGIN + _COLUMN + _MIDDLE + 2 * _GAP
    top = _MARGIN + 62
    operator, operator_end = _program("scim_operator", "operator", left, top)
    service, service_end = _program("scim_service", "service", right, top)
    bottom = max(operator_end, service_end)
    frames = [_frame(left, top, bottom), _frame(right, top, bottom)]
    middle, connections = _between(left + _COLUMN, right, top, bottom)
    actors = _actors(left, right, top)
    height, width = bottom + _MARGIN, right + _COLUMN + _MARGIN
    body = "\n".join([*frames, *operator, *service, *middle, *actors, *connections])
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" '
        'aria-label="The packages of the operator and of the service, and what lies between them">'
        f"\n<style>{_STYLE}</style>\n"
        '<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" '
        'markerHeight="7" orient="auto"><path d="M0 0 L8 4 L0 8 z"/></marker></defs>\n'
        f"{body}\n</svg>\n"
    )


def layers(package: str) -> Layers:
    """Return the layers of a program, the highest first, as import-linter's contract has them."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    for contract in project["tool"]["importlinter"]["contracts"]:
        if contract["type"] == "layers" and contract.get("containers") == [package]:
            return [[name.strip() for name in layer.split("|")] for layer in contract["layers"]]
    raise LookupError(f"no import contract has the layers of {package}")


def _law(package: str, name: str, folder: str) -> str:
    """Return the first sentence of a package's docstring; nothing for a module."""
    path = ROOT / folder / package / name / "__init__.py"
    if not path.exists():
        return ""
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    paragraph = " ".join(docstring.split("\n\n", 1)[0].split()).replace("``", "")
    return paragraph.split(". ", 1)[0].rstrip(".") + "."


def _program(package: str, folder: str, x: int, top: int) -> tuple[list[str], int]:
    """Return the boxes of a program, and where they end."""
    parts: list[str] = []
    y = top + 30
    for layer in layers(package):
        width = (_COLUMN - 2 * _PADDING - 6 * (len(layer) - 1)) // len(layer)
        texts = [
            textwrap.wrap(_law(package, name, folder), max(12, int(width / 6.6))) for name in layer
        ]
        height = 24 + _LINE * max(map(len, texts))
        for index, (name, lines) in enumerate(zip(layer, texts, strict=True)):
            parts += _box(x + _PADDING + index * (width + 6), y, width, height, name, lines)
        y += height + 6
    return [_text(x + _PADDING, top + 20, package, "title"), *parts], y + 4


def _frame(x: int, top: int, bottom: int) -> str:
    return f'<rect class="program" x="{x}" y="{top}" width="{_COLUMN}" height="{bottom - top}"/>'


def _box(
    x: int, y: int, width: int, height: int, name: str, lines: list[str], kind: str = ""
) -> list[str]:
    rect = f'<rect class="{kind}" x="{x}" y="{y}" width="{width}" height="{height}"/>'
    rows = [
        _text(x + 7, y + 31 + _LINE * number, line, "small") for number, line in enumerate(lines)
    ]
    return [rect, _text(x + 7, y + 16, name, "name"), *rows]


def _text(x: int, y: int, text: str, kind: str) -> str:
    return f'<text class="{kind}" x="{x}" y="{y}">{escape(text)}</text>'


_BETWEEN = (
    (
        "API server",
        "ScimTenant and its status; each tenant's Deployment, Service, route, policy, volume claim",
    ),
    ("ConfigMap, Secrets", "config.json, tokens.json and access.json, mounted into the pod"),
    ("/-/status, /metrics", "the service's own counts, on the management port"),
    ("SQLite or PostgreSQL", "users, groups, activity of one tenant"),
)
"""What lies between the programs, from top to bottom: a name, and what it is."""


def _between(left: int, right: int, top: int, bottom: int) -> tuple[list[str], list[str]]:
    """Return the boxes between the programs, and the arrows that join them to those."""
    x, boxes, arrows = left + _GAP, [], []
    step = (bottom - top) // len(_BETWEEN)
    # Whether an arrow starts at the operator, at the service, or both.
    ways = (("operator",), ("operator", "service"), ("operator", "answer"), ("service",))
    for number, ((name, what), sides) in enumerate(zip(_BETWEEN, ways, strict=True)):
        lines = textwrap.wrap(what, 29)
        height = 24 + _LINE * len(lines)
        y = top + step * number + (step - height) // 2
        boxes += _box(x, y, _MIDDLE, height, name, lines, "outside")
        at = y + height // 2
        if "operator" in sides:
            arrows.append(f'<path d="M{left} {at} H{x - 2}"/>')
        if "service" in sides:
            arrows.append(f'<path d="M{right} {at} H{x + _MIDDLE + 2}"/>')
        if "answer" in sides:
            arrows.append(f'<path d="M{x + _MIDDLE} {at} H{right - 2}"/>')
    return boxes, arrows


def _actors(left: int, right: int, top: int) -> list[str]:
    """Return who uses the programs, above them."""
    y, parts = _MARGIN, []
    for x, name, what in (
        (left + 40, "SRE", "kubectl, Helm, kubectl scim"),
        (right + 40, "Microsoft Entra ID", "SCIM 2.0 over HTTPS"),
    ):
        parts += _box(x, y, _COLUMN - 80, 40, name, [what], "outside")
        middle = x + (_COLUMN - 80) // 2
        parts.append(f'<path d="M{middle} {y + 40} V{top - 2}"/>')
    return parts
