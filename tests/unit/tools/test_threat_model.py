"""The threat model has a test for each attack that it lists."""

import re

from tests.generated import THREAT_MODEL, findings


def test_every_finding_is_proved() -> None:
    """Each numbered attack has a test, and each marked test belongs to an attack that is listed."""
    attacks = THREAT_MODEL.read_text(encoding="utf-8").partition("## The attacks")[2]
    listed = set(
        re.findall(r"^\| (S?\d+) \|", attacks.partition("## What remains")[0], re.MULTILINE)
    )
    assert listed == {*map(str, range(1, 36)), *(f"S{number}" for number in range(1, 7))}
    assert listed == set(findings())
