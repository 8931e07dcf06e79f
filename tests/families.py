"""Network namespaces that have IPv4, IPv6 or both, and who answers in them."""

import os
import subprocess
import sys
import time
from collections.abc import Mapping

import pytest

FAMILIES = {
    "both": "true",
    "IPv4 only": "echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6",
    "IPv6 only": "ip address delete 127.0.0.1/8 dev lo",
}
"""The command that leaves the loopback interface so, by name."""

ADDRESSES = {"IPv4": "127.0.0.1", "IPv6": "[::1]"}
ASK = """
import sys, urllib.request
for url in sys.argv[1:]:
    try:
        status = urllib.request.urlopen(url, timeout=5).status
    except OSError:
        status = None
    print(status)
"""

needs_namespaces = pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0,
    reason="a network namespace needs Linux and root",
)


def answering(families: str, command: list[str], page: str, environment: Mapping[str, str]) -> str:
    """Run a program in a namespace, and return the families in which it serves a page.

    Parameters
    ----------
    families
        A key of FAMILIES.
    page
        ``:PORT/PATH`` of the page.
    """
    prepare = f'ip link set lo up; {FAMILIES[families]}; exec "$@"'
    process = subprocess.Popen(
        ["unshare", "--net", "sh", "-c", prepare, "sh", *command], env=dict(environment)
    )
    try:
        there = _ask(process, [f"http://{address}{page}" for address in ADDRESSES.values()])
    finally:
        process.kill()
        process.wait()
    found = [family for family, status in zip(ADDRESSES, there, strict=True) if status == "200"]
    return "both" if len(found) == 2 else f"{''.join(found) or 'neither'} only"


def _ask(process: subprocess.Popen[bytes], urls: list[str]) -> list[str]:
    """Return the answers once the program serves: those that follow the first one."""
    enter = ["nsenter", f"--net=/proc/{process.pid}/ns/net", sys.executable, "-c", ASK, *urls]
    deadline = time.monotonic() + 60
    served = False
    while True:
        answers = subprocess.run(enter, capture_output=True, text=True, check=True).stdout.split()
        if served or time.monotonic() > deadline:
            return answers
        served = "200" in answers
        assert process.poll() is None, "the program has ended"
        time.sleep(0.1)
