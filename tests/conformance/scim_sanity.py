"""scim-sanity (PyPI), through its Python interface, which keeps the token out of arguments."""

import importlib
from typing import Any

from .outcome import Check
from .target import Target

NAME = "scim-sanity"


def run(target: Target) -> list[Check]:
    """Run the probe; it makes what it needs and removes it again."""
    runner = importlib.import_module("scim_sanity.probe.runner")
    report: dict[str, Any] = runner.run_probe_api(
        base_url=target.url, token=target.token, user_domain="example.com"
    )
    return [
        Check(
            f"{result['phase']}: {result['name']}",
            None if result["status"] == "pass" else f"{result['status']}: {result.get('message')}",
        )
        for result in report["results"]
        if result["status"] != "skip"
    ]
