"""Settings are read from variables and flags; an invalid one is named."""

from __future__ import annotations

import sys

import pytest
from pydantic import ValidationError
from scim_operator.__main__ import main
from scim_operator.settings import Settings, explain, from_environment


def test_defaults() -> None:
    """Every setting has a default."""
    assert from_environment({}) == Settings()


def test_forms() -> None:
    """Lists are separated by commas, objects are JSON, unknown variables are ignored."""
    settings = from_environment(
        {
            "SCIM_OPERATOR_WATCH_NAMESPACES": "team-a, team-b,",
            "SCIM_OPERATOR_DATABASE_PORTS": "5432,6432",
            "SCIM_OPERATOR_SCIM_PEERS": '[{"podSelector": {}}]',
            "SCIM_OPERATOR_LEADER_ELECT": "true",
            "SCIM_OPERATOR_UNKNOWN": "x",
            "PORT": "1",
        }
    )
    assert settings.watch_namespaces == ("team-a", "team-b")
    assert settings.database_ports == (5432, 6432)
    assert settings.scim_peers == [{"podSelector": {}}]
    assert settings.leader_elect is True


def test_normalization() -> None:
    """Numbers without quotes are quantities, as in a pod's spec; a host is lower-cased."""
    settings = from_environment(
        {
            "SCIM_OPERATOR_SERVICE_RESOURCES": '{"limits": {"cpu": 1}, "requests": {"cpu": 0.5}}',
            "SCIM_OPERATOR_DEFAULT_HOST": "SCIM.{namespace}.example.com",
        }
    )
    assert settings.service_resources == {"limits": {"cpu": "1"}, "requests": {"cpu": "0.5"}}
    assert settings.default_host == "scim.{namespace}.example.com"


def test_flag_wins() -> None:
    """A given flag takes precedence over its variable; a missing flag does not."""
    environment = {"SCIM_OPERATOR_WORKERS": "3", "SCIM_OPERATOR_PORT": "1"}
    settings = from_environment(environment, workers="5", port=None)
    assert (settings.workers, settings.port) == (5, 1)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("workers", "0"),
        ("workers", "many"),
        ("log_format", "xml"),
        ("service_resources", "{"),
        ("default_host", "{tenant}.example.com"),
        ("default_host", "{}.example.com"),
        ("default_host", "{namespace"),
        ("default_path", "/{tenant}/scim"),
        ("default_path", "/{namespace}/"),
        ("scim_peers", "[1]"),
        ("allow", '{"podLabels": ["a*b"]}'),
        ("allow", '{"resources": {"cpu": "much"}}'),
        ("allow", '{"podLabel": []}'),
        ("database_ports", "5432,x"),
        ("port", "65536"),
        ("leader_elect", "perhaps"),
        ("reserve_urls_for", "1 day"),
        ("exposure_rules", '[{"namespaces": ["a"], "hosts": []}]'),
        ("exposure_rules", '[{"namespace": ["a"]}]'),
        ("service_resources", '{"limits": {"memory": "lots"}}'),
        ("service_resources", '{"limits": {"memory": "-1"}}'),
        ("service_resources", '{"limit": {"memory": "1Gi"}}'),
        ("service_resources", '{"limits": {"cpu": "1"}, "requests": {"cpu": "1500m"}}'),
        ("service_image", "scim service"),
        ("service_image", ""),
        ("service_image_pull_secrets", "Registry"),
        ("watch_namespaces", "team-a,Team_B"),
        ("namespace", ""),
        ("storage_class", "Fast SSD"),
        ("ingress_class", "nginx!"),
        ("ingress_tls_secret", "tls_secret"),
        ("cluster_domain", "cluster..local"),
        ("scim_peers", "[{}]"),
        ("scim_peers", '[{"podSelectors": {}}]'),
        ("database_peers", '[{"ports": [5432]}]'),
        ("database_ports", "70000"),
        ("key_secret", ""),
        ("lease_name", "My Lease"),
    ],
)
def test_errors_name_the_setting(name: str, value: str) -> None:
    """The error of an invalid value names its setting."""
    with pytest.raises(ValidationError) as caught:
        from_environment({f"SCIM_OPERATOR_{name.upper()}": value})
    assert {error["loc"][0] for error in caught.value.errors()} == {name}


@pytest.mark.parametrize("text", ["1", "1.5", ".5", "1.", "500m", "1.5Gi", "1e9", "2E9", "+1", "0"])
def test_amounts(text: str) -> None:
    """Every form of a Kubernetes quantity is accepted."""
    settings = from_environment(
        {"SCIM_OPERATOR_SERVICE_RESOURCES": f'{{"limits": {{"memory": "{text}"}}}}'}
    )
    assert settings.service_resources == {"limits": {"memory": text}}


def test_times_of_the_lease() -> None:
    """A leader must stop before another operator can acquire the Lease."""
    with pytest.raises(ValidationError) as caught:
        from_environment({"SCIM_OPERATOR_RENEW_DEADLINE": "20"})
    (line,) = explain(caught.value)
    assert line.startswith("settings: retry_period must be shorter than renew_deadline")


def test_lines() -> None:
    """Each line names the variable and the path in its value."""
    with pytest.raises(ValidationError) as caught:
        from_environment(
            {
                "SCIM_OPERATOR_SERVICE_RESOURCES": '{"limits": {"memory": "lots"}}',
                "SCIM_OPERATOR_WORKERS": "0",
            }
        )
    assert explain(caught.value) == [
        (
            "SCIM_OPERATOR_SERVICE_RESOURCES.limits.memory: 'lots' is not a quantity such as "
            "500Mi, 1.5Gi, 100m or 1e9"
        ),
        "SCIM_OPERATOR_WORKERS: Input should be greater than or equal to 1",
    ]


def test_program(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """An invalid setting ends the program at once, with status 2 and one line."""
    monkeypatch.setattr(sys, "argv", ["scim-operator", "run"])
    monkeypatch.setenv("SCIM_OPERATOR_DEFAULT_HOST", "{tenant}.example.com")
    assert main() == 2
    assert capfd.readouterr().err.startswith("SCIM_OPERATOR_DEFAULT_HOST: ")
    monkeypatch.delenv("SCIM_OPERATOR_DEFAULT_HOST")
    monkeypatch.setenv("SCIM_OPERATOR_KUBECONFIG", "/nowhere/kubeconfig")
    assert main() == 1
