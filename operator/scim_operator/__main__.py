"""The command line: ``run`` the operator, or print the CustomResourceDefinition."""

from __future__ import annotations

import argparse
import logging
import sys

import uvloop
import yaml
from kubernetes.aio.config import ConfigException
from pydantic import ValidationError

from scim_operator import __version__, logs
from scim_operator.api.crd import render_manifest
from scim_operator.controller.operator import run
from scim_operator.settings import PREFIX, Settings, explain, from_environment


def _build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scim-operator", description=__doc__)
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("crd", help="print the CustomResourceDefinition")
    run_command = commands.add_parser("run", help="run the operator")
    for name, field in Settings.model_fields.items():
        # A Boolean flag needs no value.
        optional_value = {"nargs": "?", "const": "true"} if field.annotation is bool else {}
        run_command.add_argument(
            f"--{name.replace('_', '-')}",
            metavar="VALUE",
            help=f"{field.description} [{PREFIX}{name.upper()}]".replace("%", "%%"),
            **optional_value,  # type: ignore[arg-type]
        )
    return parser


def main() -> int:
    """Run the command line and return the exit status."""
    arguments = vars(_build_parser().parse_args())
    if arguments.pop("command") == "crd":
        sys.stdout.write(render_manifest())
        return 0
    try:
        settings = from_environment(**arguments)
    except ValidationError as error:
        sys.stderr.writelines(f"{line}\n" for line in explain(error))
        return 2
    logs.configure(settings)
    try:
        uvloop.run(run(settings))
    except (ConfigException, RuntimeError, OSError, yaml.YAMLError) as error:
        logging.getLogger(__name__).critical("%s", error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
