"""How long the dearest requests hold up the event loop, on both databases.

``python -m tests.benchmarks.steps`` prints the longest step of each in milliseconds of processor
time; 50 is the most that is meant.
"""

import asyncio
import gc
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.service.postgres import PostgresServer
from tests.service.served import serving
from tests.service.worst import prepare, requests
from tests.steps import measured_steps


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder, PostgresServer() as server:
        for name, url in (
            ("SQLite", f"sqlite:///{Path(folder) / 'scim.db'}"),
            ("PostgreSQL", server.url()),
        ):
            table = Table(title=name, title_justify="left")
            for column in ("request", "status", "longest step, ms", "in all, ms"):
                table.add_column(column, justify="left" if column == "request" else "right")
            for row in asyncio.run(_measure(url)):
                table.add_row(*row)
            Console(width=100).print(table)


async def _measure(url: str) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    async with serving(url) as serve:
        served = await serve()
        prepared = await prepare(served)
        gc.collect()
        gc.freeze()
        for name, (method, path, body) in requests(prepared).items():
            begun = time.perf_counter()
            with measured_steps() as steps:
                answer = await served.http.request(method, path, content=body, timeout=120)
                await asyncio.sleep(0)
            seconds = time.perf_counter() - begun
            status = str(answer.status_code)
            rows.append((name, status, f"{steps.longest * 1000:.1f}", f"{seconds * 1000:.0f}"))
    return rows


if __name__ == "__main__":
    main()
