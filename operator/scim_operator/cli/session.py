"""What every command of the plugin has in common: kubectl's options, and the form of the output."""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import click

from scim_operator.cli.cluster.cluster import Cluster
from scim_operator.cli.cluster.kubeconfig import Choice

FOUND, UNKNOWN = 1, 3
"""Exit statuses: something is wrong; nothing is known to be, but not everything is known."""

_OPTIONS = (
    click.option(
        "-o",
        "--output",
        type=click.Choice(["table", "wide", "json"]),
        default="table",
        help="For people, with more columns (status), or for machines.",
    ),
    click.option("--as-user-extra", metavar="KEY=VALUE", multiple=True, help="Impersonate: extra."),
    click.option("--as-uid", metavar="UID", help="Impersonate: uid."),
    click.option(
        "--as-group", "as_groups", metavar="NAME", multiple=True, help="Impersonate: group."
    ),
    click.option("--as", "as_", metavar="NAME", help="Impersonate: user."),
    click.option("--context", metavar="NAME", help="Context of the kubeconfig."),
    click.option("--kubeconfig", metavar="FILE", help="Kubeconfig; else KUBECONFIG, as usual."),
    click.option("-n", "--namespace", metavar="NAME", help="Namespace; else the context's."),
)


@dataclass(frozen=True, slots=True)
class Session:
    """One invocation: the cluster, and the form of the output."""

    cluster: Cluster
    output: str


def command(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of kubectl and its session."""

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
