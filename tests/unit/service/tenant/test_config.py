"""The configuration file of a tenant: what is read, and what the errors say."""

from pathlib import Path

import pytest
from scim_service.settings import SettingsError
from scim_service.tenant.config import TenantConfig, read_config


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[]", "it is not a JSON object"),
        ("null", "it is not a JSON object"),
        ("{", "is not JSON"),
        ('{"basePath": "a b"}', "basePath"),
        ('{"provisioning": {"maxUsers": -1}}', "provisioning.maxUsers"),
    ],
)
def test_unusable(tmp_path: Path, text: str, words: str) -> None:
    """The message names the file and the place, and no class of the program."""
    path = tmp_path / "config.json"
    path.write_text(text)
    with pytest.raises(SettingsError) as caught:
        read_config(path)
    assert str(path) in str(caught.value)
    assert words in str(caught.value)
    assert "TenantConfig" not in str(caught.value)


def test_unknown_fields_are_ignored(tmp_path: Path) -> None:
    """A file that a later operator wrote is read, too."""
    path = tmp_path / "config.json"
    path.write_text('{"tenant": "team-a/contoso", "later": true}')
    assert read_config(path) == TenantConfig(tenant="team-a/contoso")


def test_no_file() -> None:
    """Without a file the tenant has the defaults."""
    assert read_config(None) == TenantConfig()
