"""Records of the operator's log."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest
from scim_operator import logs
from scim_operator.settings import Settings


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    """Restore the configuration of logging after the test."""
    loggers = [logging.getLogger(name) for name in ("", "kopf", "kopf.objects")]
    levels, handlers = [logger.level for logger in loggers], list(loggers[0].handlers)
    yield
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)
    loggers[0].handlers[:] = handlers


def test_json(capsys: pytest.CaptureFixture[str]) -> None:
    """A JSON record is one line with level, logger, message, tenant and error."""
    logs.configure(Settings())
    try:
        raise ValueError("two\nlines")
    except ValueError:
        logging.getLogger("x").exception("failed: %s", "é", extra={"tenant": "team-a/contoso"})
    (line,) = capsys.readouterr().err.splitlines()
    record = json.loads(line)
    assert record["level"] == "error"
    assert (record["logger"], record["message"]) == ("x", "failed: é")
    assert record["tenant"] == "team-a/contoso"
    assert "ValueError: two" in record["error"]


def test_text_and_level(capsys: pytest.CaptureFixture[str]) -> None:
    """A text record is a line; records below the level are not logged, nor are kopf's details."""
    logs.configure(Settings(log_format="text", log_level="debug"))
    logging.getLogger("x").debug("visible")
    logging.getLogger("kopf").debug("hidden")
    logging.getLogger("kopf.objects").info("hidden")
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith("DEBUG   x: visible")
