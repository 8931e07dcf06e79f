"""The command line: ``python -m scim_operator run`` and ``python -m scim_operator crd``."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys

from kubernetes.aio.config import ConfigException
from pydantic import ValidationError

from scim_operator import __version__, crd, logs, settings
from scim_operator.run import Operator


def main() -> int:
    """Carry out a command; its exit code is returned."""
    options = vars(_parser().parse_args())
    if options.pop("command") == "crd":
        sys.stdout.write(crd.manifest())
        return 0
    try:
        chosen = settings.from_environment(**options)
    except ValidationError as error:
        for problem in error.errors():
            field = str(problem["loc"][0]) if problem["loc"] else "settings"
            variable = f"{settings.PREFIX}{field.upper()}"
            print(f"error: {variable}: {problem['msg']}", file=sys.stderr)  # noqa: T201
        return 2
    logs.configure(chosen)
    try:
        asyncio.run(_run(chosen))
    except ConfigException as error:
        print(f"error: no API server to talk to: {error}", file=sys.stderr)  # noqa: T201
        return 2
    return 0


async def _run(chosen: settings.Settings) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        # Until the framework takes them over: process 1 of a container has no default for them.
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await Operator(chosen).run(stop)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scim_operator", description=__doc__)
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="reconcile ScimTenants until stopped")
    for name, field in settings.Settings.model_fields.items():
        run.add_argument(f"--{name.replace('_', '-')}", help=field.description, metavar="VALUE")
    commands.add_parser("crd", help="print the CustomResourceDefinition")
    return parser


if __name__ == "__main__":
    sys.exit(main())
