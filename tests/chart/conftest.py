"""The chart as Helm renders it, and the programs that check what comes out."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from tests.cluster.build import CHART_TOOLS, Binaries, build

Object = dict[str, Any]
Render = Callable[..., list[Object]]

CHART = "charts/scim-operator"


@pytest.fixture(scope="session")
def tools() -> Binaries:
    """Helm, helm-unittest and promtool."""
    return build(("helm", *CHART_TOOLS))


@pytest.fixture
def render(tools: Binaries) -> Render:
    """Render the chart with values."""

    def run(*values: str) -> list[Object]:
        done = subprocess.run(
            [
                tools["helm"],
                *("template", "scim-operator", CHART, "--namespace", "scim-system"),
                *(part for value in values for part in ("--set", value)),
            ],
            capture_output=True,
            text=True,
        )
        if done.returncode != 0:
            raise ValueError(done.stderr)
        return [body for body in yaml.safe_load_all(done.stdout) if body]

    return run
