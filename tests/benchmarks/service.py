"""The service against its ceiling and its peers: what is measured, and what is asked of it."""

import asyncio
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.benchmarks import peers, wrk
from tests.benchmarks.fill import fill_users
from tests.benchmarks.samples import Measurement, Row, Say
from tests.benchmarks.server import Server
from tests.benchmarks.subjects import (
    TOKEN,
    Filled,
    PostgresStore,
    SqliteStore,
    ceiling,
    fill,
    service,
)
from tests.service.postgres import PostgresServer

SMALL, LARGE = 10_000, 110_000
"""Users in the two databases; 100,000 of the large one are in its large group."""

STARTS = 5


def measure(cache: Path, *, rounds: int, seconds: int, scale: float, say: Say) -> list[Row]:
    """Measure everything; the figures are medians over the rounds.

    Parameters
    ----------
    cache
        Where the peers are installed.
    seconds
        How long each load goes on.
    scale
        1 for the sizes that the targets are meant for; smaller to try the benchmark itself.
    """
    wrk.require_wrk()
    binaries = peers.environment(cache / "peers")
    measurement = Measurement(rounds, seconds, TOKEN, say)
    small, large = round(SMALL * scale), round(LARGE * scale)
    with (
        tempfile.TemporaryDirectory(prefix="scim-benchmark-") as name,
        PostgresServer(durable=True) as server,
    ):
        folder = Path(name)
        sqlite, postgres = SqliteStore(folder), PostgresStore(server)
        filled = [
            each
            for store in (sqlite, postgres)
            for each in fill(
                store, folder, small=small, large=large, advance=_counter(store.name, say)
            )
        ]
        with contextlib.ExitStack() as stack:
            constant = stack.enter_context(ceiling(folder))
            rivals = {
                name: (rival, _fill_peer(rival, name, folder, small, say))
                for name, rival in _peers(stack, binaries, folder, postgres)
            }
            peaks = _measure_rounds(measurement, folder, filled, constant, rivals)
        rows = _service_rows(measurement, peaks)
        rows += _start_rows(folder, filled, sqlite, say)
        rows += _entra_rows(folder, sqlite, users=small, groups=small // 20, say=say)
    return rows


def _counter(name: str, say: Say) -> Any:
    done = 0

    def advance(number: int) -> None:
        nonlocal done
        done += number
        if done % 2000 < number:
            say(f"filling {name}: {done} users and memberships")

    return advance


def _peers(
    stack: contextlib.ExitStack, binaries: Path, folder: Path, postgres: PostgresStore
) -> Iterator[tuple[str, Server]]:
    yield "scim2-server", stack.enter_context(peers.scim2_server(binaries, folder))
    postgres.create("django")
    database = postgres.url("django")
    yield (
        "django-scim2",
        stack.enter_context(peers.django_scim2(binaries, folder, database, TOKEN)),
    )


def _fill_peer(peer: Server, name: str, folder: Path, count: int, say: Say) -> wrk.Users:
    users = wrk.Users(folder / f"{name}.names", folder / f"{name}.ids")
    advance = _counter(name, say)
    asyncio.run(fill_users(peer.url, TOKEN, users, count=count, advance=advance))
    return users


def _measure_rounds(
    measurement: Measurement,
    folder: Path,
    filled: list[Filled],
    constant: Server,
    rivals: dict[str, tuple[Server, wrk.Users]],
) -> dict[str, float]:
    """Send all loads, and return the peak of each subject's memory in MB."""
    peaks: dict[str, float] = {}
    users = filled[0].users
    for _ in range(measurement.rounds):
        measurement.load("ceiling", "constant_get", constant, users)
        measurement.load("ceiling", "create", constant, users)
        for each in filled:
            subject = each.subject
            with each.served(folder) as server:
                measurement.load(subject, "filter", server, each.users)
                measurement.load(subject, "patch", server, each.users)
                for group in each.groups.items():
                    measurement.load(subject, "member", server, each.strangers, group=group)
                measurement.load(subject, "create", server, each.users)
                peaks[subject] = max(server.memory("VmHWM"), peaks.get(subject, 0))
        for name, (rival, its_users) in rivals.items():
            measurement.load(name, "filter", rival, its_users)
            measurement.load(name, "create", rival, its_users)
    return peaks


# What is asked, as a part of the ceiling: subject, kind, the ceiling's kind, target.
_RATIOS: tuple[tuple[str, wrk.Kind, wrk.Kind, float], ...] = (
    ("SQLite small", "filter", "constant_get", 0.40),
    ("PostgreSQL small", "filter", "constant_get", 0.20),
    ("SQLite small", "create", "create", 0.15),
    ("PostgreSQL small", "create", "create", 0.12),
    ("SQLite small", "patch", "create", 0.12),
    ("PostgreSQL small", "patch", "create", 0.12),
)


def _service_rows(measurement: Measurement, peaks: dict[str, float]) -> list[Row]:
    rows = [
        Row("ceiling", kind, measurement.per_second("ceiling", kind), "req/s")
        for kind in ("constant_get", "create")
    ]
    for subject, kind, other, target in _RATIOS:
        rows.append(
            Row(
                f"{kind} / ceiling",
                subject,
                measurement.ratio(subject, kind, "ceiling", other),
                "",
                target,
                note=_rate(measurement, subject, kind),
            )
        )
    for database in ("SQLite", "PostgreSQL"):
        small, large = f"{database} small", f"{database} large"
        rows += [
            Row(
                f"{kind}, many users / few",
                database,
                measurement.ratio(large, kind, small, kind),
                "",
                0.8,
                note=_rate(measurement, large, kind),
            )
            for kind in ("filter", "create", "patch")
        ]
        rows.append(
            Row(
                "member p50, large group / empty",
                database,
                measurement.latency_ratio(large, "member large", "member empty"),
                "",
                1.5,
                higher=False,
                note=_rate(measurement, large, "member large"),
            )
        )
    for name, database in (("scim2-server", "SQLite"), ("django-scim2", "PostgreSQL")):
        rows += [
            Row(
                f"{kind} / {name}",
                f"{database} small",
                measurement.ratio(f"{database} small", kind, name, kind),
                "",
                target,
                note=f"{name}: {_rate(measurement, name, kind)}",
            )
            for kind, target in (("create", 3.0), ("filter", 5.0))
        ]
    rows += [
        Row("memory under load", subject, peak, "MB", 150, higher=False)
        for subject, peak in peaks.items()
    ]
    return rows


def _rate(measurement: Measurement, subject: str, label: str) -> str:
    return f"{measurement.per_second(subject, label):,.0f} req/s"


def _start_rows(folder: Path, filled: list[Filled], empty: SqliteStore, say: Say) -> list[Row]:
    say("starting")
    with service(empty.url("idle"), folder) as server:
        rows = [Row("memory idle", empty.name, server.memory(), "MB", 75, higher=False)]
    for each in filled:
        seconds = []
        for _ in range(STARTS):
            with each.served(folder) as server:
                seconds.append(server.started)
        median = statistics.median(seconds)
        rows.append(Row("start to first answer", each.subject, median, "s", 2, higher=False))
    return rows


def _entra_rows(
    folder: Path, store: SqliteStore, *, users: int, groups: int, say: Say
) -> list[Row]:
    """Run an initial cycle of the Entra client."""
    say(f"Entra's initial cycle of {users} users and {groups} groups")
    with service(store.url("entra"), folder) as server:
        done = subprocess.run(
            [
                *(sys.executable, "-m", "tests.entra", "--url", server.url, "--output", "json"),
                *("--users", str(users), "--groups", str(groups), "--cycles", "initial"),
            ],
            env={**os.environ, "SCIM_TOKEN": TOKEN},
            capture_output=True,
            text=True,
            check=True,
        )
    cycle = json.loads(done.stdout)["cycles"][-1]
    requests = cycle["requests"]
    subject = f"{store.name}, {users} users, {groups} groups"
    return [
        Row("Entra's initial cycle", subject, requests["seconds"], "s"),
        Row("Entra's initial cycle", subject, requests["perSecond"], "req/s"),
        Row("Entra's initial cycle p99", subject, requests["latencyMs"]["p99"], "ms", 100, False),
    ]
