"""Assembles the command line ``kubectl scim`` from its commands.

Exit status: 0 if all is well, 1 if a check found a problem or the command failed, 2 if the command
line is wrong, 3 if no problem was found but not everything could be checked.
"""

from __future__ import annotations

import io
import sys

import click

from scim_operator import __version__
from scim_operator.cli.commands.activity import activity
from scim_operator.cli.commands.backup import backup, restore
from scim_operator.cli.commands.connect import connect
from scim_operator.cli.commands.doctor import doctor
from scim_operator.cli.commands.groups import groups
from scim_operator.cli.commands.plan import plan
from scim_operator.cli.commands.retained import retained
from scim_operator.cli.commands.rotate import rotate
from scim_operator.cli.commands.status import status
from scim_operator.cli.commands.test import test
from scim_operator.cli.commands.users import users


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="kubectl scim")
def plugin() -> None:
    """Run tenants of scim-operator and connect them to Microsoft Entra ID.

    Exit status: 0 if all is well, 1 if a check found a problem or the command failed, 2 if the
    command line is wrong, 3 if no problem was found but not everything could be checked.
    """


for _command in (
    *(connect, test, doctor, status, users, groups, activity),
    *(rotate, backup, restore, retained, plan),
):
    plugin.add_command(_command)


def main() -> None:
    """Run the command line under the name by which kubectl calls it."""
    for stream in (sys.stdout, sys.stderr):
        # Windows' code pages lack many characters of people's names.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    plugin(prog_name="kubectl scim")
