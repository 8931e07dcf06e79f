"""A message tells what failed, shows the end of the log, and says what to do."""

from pathlib import Path

from tests.cluster.errors import ClusterError


def test_the_message_is_complete(tmp_path: Path) -> None:
    """Only the end of a long log is shown."""
    log = tmp_path / "etcd.log"
    log.write_text("\n".join(f"line {number}" for number in range(100)))
    message = str(ClusterError("etcd ended", log=log, hint="look"))
    assert message.startswith(f"etcd ended\nlog: {log}\n")
    assert "line 99" in message
    assert "line 50" not in message
    assert message.endswith("to do: look")


def test_a_missing_log_hides_nothing(tmp_path: Path) -> None:
    """What failed is told even where the log cannot be read."""
    assert str(ClusterError("it failed", log=tmp_path / "none")).startswith("it failed\n")
