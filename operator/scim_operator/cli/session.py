"""What all commands share: kubectl's options, the connection, and the format of the output."""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import click

from scim_operator.cli.cluster.client import Cluster
from scim_operator.cli.cluster.kubeconfig import Choice

PROBLEM_FOUND, UNKNOWN = 1, 3
"""Exit statuses: there is a problem; there is none, but not everything could be checked."""

_OPTIONS = (
    click.option(
        "-o",
        "--output",
        type=click.Choice(["table", "wide", "json"]),
        default="table",
        help="Table, table with more columns, or JSON.",
    ),
    click.option("--as-user-extra", metavar="KEY=VALUE", multiple=True, help="Impersonate: extra."),
    click.option("--as-uid", metavar="UID", help="Impersonate: uid."),
    click.option(
        "--as-group", "as_groups", metavar="NAME", multiple=True, help="Impersonate: group."
    ),
    click.option("--as", "as_", metavar="NAME", help="Impersonate: user."),
    click.option("--context", metavar="NAME", help="Context of the kubeconfig."),
    click.option(
        "--kubeconfig", metavar="FILE", help="Kubeconfig; default: KUBECONFIG, or ~/.kube/config."
    ),
    click.option("-n", "--namespace", metavar="NAME", help="Namespace; default: the context's."),
)


@dataclass(frozen=True, slots=True)
class Session:
    """One run of a command: its cluster, and the format of its output."""

    cluster: Cluster
    output: str


def command(function: Callable[..., None]) -> Callable[..., None]:
    """Add kubectl's options to a command, and pass it a session."""

    @functools.wraps(function)
    def run(
        *,
        kubeconfig: str | None,
        context: str | None,
        namespace: str | None,
        output: str,
        as_: str | None,
        as_uid: str | None,
        as_groups: tuple[str, ...],
        as_user_extra: tuple[str, ...],
        **arguments: Any,
    ) -> None:
        choice = Choice(
            kubeconfig=kubeconfig,
            context=context,
            namespace=namespace,
            as_=as_,
            as_uid=as_uid,
            as_groups=as_groups,
            as_user_extra=as_user_extra,
        )
        with closing(Cluster.connect(choice)) as cluster:
            function(Session(cluster, output), **arguments)

    for option in _OPTIONS:
        run = option(run)
    return run
