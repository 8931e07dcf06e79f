"""The entra profile has every leniency that the protocol core knows, each with a source."""

import re
from dataclasses import fields
from pathlib import Path

from scim_service.entra import leniencies
from scim_service.entra.leniencies import ENTRA_LENIENCIES
from scim_service.scim.leniencies import Leniencies


def test_every_leniency_is_set() -> None:
    """The core has no leniency that no profile uses."""
    assert all(getattr(ENTRA_LENIENCIES, each.name) for each in fields(Leniencies))


def test_every_leniency_has_its_source_beside_it() -> None:
    """A comment stands above each value."""
    source = Path(leniencies.__file__).read_text("utf-8")
    sourced = re.findall(r"#[^\n]+\n    (\w+)=True", source)
    assert sourced == [each.name for each in fields(Leniencies)]
