"""The tenant that a line of the log names."""

import asyncio
import json
import logging

from scim_service.logs import JsonFormatter, log_as


def tenant_of_a_line() -> str:
    """Return the tenant in a line that is formatted now."""
    record = logging.makeLogRecord({"msg": "%s failed", "args": ("it",)})
    line = json.loads(JsonFormatter("process").format(record))
    assert line["message"] == "it failed"
    name: str = line["tenant"]
    return name


async def test_a_line_names_the_tenant_of_its_task() -> None:
    """Tasks of several tenants run at the same time, and each line has the right name."""

    async def serve(name: str) -> list[str]:
        with log_as(name):
            found = [tenant_of_a_line()]
            await asyncio.sleep(0)
            found.append(await asyncio.create_task(asyncio.to_thread(tenant_of_a_line)))
        return [*found, tenant_of_a_line()]

    first, second = await asyncio.gather(serve("a"), serve("b"))
    assert first == ["a", "a", "process"]
    assert second == ["b", "b", "process"]
