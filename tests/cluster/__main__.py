"""The command line of the local cluster: `python -m tests.cluster COMMAND`."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
from pathlib import Path

from .build import build
from .errors import ClusterError
from .images import build_images
from .machine import SYSTEM_PATH
from .node import Node
from .progress import say


def main() -> int:
    """Carry out a command; its exit code is returned."""
    # Split here: what argparse makes of a second `--` differs between Python versions.
    arguments = sys.argv[1:]
    own = arguments[: arguments.index("--")] if "--" in arguments else arguments
    options = parser().parse_args(own)
    options.command = arguments[len(own) + 1 :]
    os.environ["PATH"] = os.pathsep.join([os.environ.get("PATH", os.defpath), SYSTEM_PATH])
    try:
        code: int = options.run(options)
    except ClusterError as error:
        say(f"error: {error}")
        return 1
    except KeyboardInterrupt:
        say("interrupted")
        return 130
    return code


def parser() -> argparse.ArgumentParser:
    """The commands and their options."""
    top = argparse.ArgumentParser(
        prog="python -m tests.cluster",
        description="A real Kubernetes node on this machine, in namespaces of its own.",
    )
    commands = top.add_subparsers(required=True, metavar="COMMAND")

    command = commands.add_parser("up", help="bring the node up; nothing is done if it is")
    command.set_defaults(run=up)

    command = commands.add_parser("down", help="take the node down and remove all it had")
    command.set_defaults(run=down)

    command = commands.add_parser(
        "status", help="show the node's servers; exit 1 if it is not well"
    )
    command.set_defaults(run=status)

    command = commands.add_parser("exec", help="-- CMD...: run a command in the node's network")
    command.set_defaults(run=execute)

    command = commands.add_parser("helm", help="-- ARG...: run the pinned Helm, without a node")
    command.set_defaults(run=helm)

    command = commands.add_parser("images", help="build the images, and load them into the node")
    command.add_argument("-o", "--output", choices=("text", "json"), default="text")
    command.add_argument("--archive", type=Path, metavar="DIR", help="write archives of them there")
    command.set_defaults(run=images)
    return top


def up(_: argparse.Namespace) -> int:
    """Bring the node up."""
    Node().up()
    return 0


def down(_: argparse.Namespace) -> int:
    """Take the node down."""
    Node().down()
    return 0


def status(_: argparse.Namespace) -> int:
    """Show the node's servers and whether it can be used."""
    node = Node()
    for name, pid in node.servers().items():
        print(f"{name:24} {'ended' if pid is None else f'pid {pid}':12} {node.log(name)}")
    problem = node.problem()
    print(f"the node is not usable: {problem}" if problem else f"ready, state in {node.state}")
    return 1 if problem else 0


def execute(options: argparse.Namespace) -> int:
    """Become a command inside the node's network."""
    if not options.command:
        raise ClusterError("no command is given", hint="exec -- kubectl get pods -A")
    Node().exec(options.command)


def helm(options: argparse.Namespace) -> int:
    """Become Helm."""
    program = build(["helm"])["helm"]
    os.execv(program, [program, *options.command])


def images(options: argparse.Namespace) -> int:
    """Build the images, load them into the node if there is one, write their archives."""
    built = build_images()
    node = Node()
    if node.is_running():
        node.load(built.values())
    if options.archive:
        options.archive.mkdir(parents=True, exist_ok=True)
        for image in built.values():
            shutil.copy(image.archive, options.archive)
            say(f"{image.reference}: {options.archive / image.archive.name}")
    references = {name: image.reference for name, image in built.items()}
    if options.output == "json":
        print(json.dumps(references))
    else:
        print("\n".join(references.values()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
