"""A record of a process never leads to another one."""

import os
from dataclasses import replace

from tests.cluster.process import ProcessId, children, parse_start_time

STAT = "7 ({name}) {state} 1 7 7 0 -1 4194560 1 0 0 0 5 6 0 0 20 0 1 0 {started} 1000 2 3"


def test_start_time_is_read_past_odd_names() -> None:
    """A program may be called anything, with spaces and parentheses."""
    assert parse_start_time(STAT.format(name="a) Z (b", state="S", started=4711)) == 4711


def test_a_zombie_has_ended() -> None:
    """A process that nobody has waited for is not running."""
    assert parse_start_time(STAT.format(name="etcd", state="Z", started=4711)) is None


def test_this_process_is_alive() -> None:
    """A process is recognized by its identity, and found among its parent's children."""
    own = ProcessId.of(os.getpid())
    assert own is not None
    assert own.alive()
    assert os.getpid() in children(os.getppid())


def test_a_reused_pid_is_another_process() -> None:
    """Neither a later start nor another boot is taken for the recorded process, or killed."""
    own = ProcessId.of(os.getpid())
    assert own is not None
    for other in (replace(own, started=own.started - 1), replace(own, boot="another")):
        assert not other.alive()
        other.kill()
