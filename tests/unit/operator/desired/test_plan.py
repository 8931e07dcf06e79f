"""The objects of a tenant's plan, and those that it leaves alone."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from scim_operator.api import names
from scim_operator.api.service_status import ServiceStatus, TokenUse
from scim_operator.api.v1alpha1.status import Condition, Status, TokenStatus
from scim_operator.desired.drift.desired_object import DesiredObject
from scim_operator.desired.observed import Observed
from scim_operator.desired.tokens import digests_file, rotation, token_format
from scim_operator.desired.urls.claims import Hold
from scim_operator.kube.kinds import INGRESS, SECRET, VOLUME_CLAIM
from scim_operator.settings import Settings
from scim_operator.status import tenant_status

from tests.unit.operator.sample import IMAGE, NOW, applied, make, objects, observed, watched

POSTGRES = {"database": {"postgres": {"urlFrom": {"name": "pg", "key": "url"}}}}
EXPOSED = {"exposure": {"host": "scim.example.com", "ingress": {}}}


def deployment(spec: dict[str, Any] | None = None) -> dict[str, Any]:
    """The Deployment's spec."""
    wanted: dict[str, Any] = objects(make(observed(spec)))["Deployment", "contoso-scim"]["spec"]
    return wanted


def pod(spec: dict[str, Any] | None = None) -> dict[str, Any]:
    """The pod's spec."""
    wanted: dict[str, Any] = deployment(spec)["template"]["spec"]
    return wanted


def test_names() -> None:
    """The objects have the contract's names."""
    assert set(objects(make(observed()))) == {
        ("Secret", "contoso-scim-token"),
        ("Secret", "contoso-scim-access"),
        ("Secret", "contoso-scim-digests"),
        ("ConfigMap", "contoso-scim-config"),
        ("PersistentVolumeClaim", "contoso-scim-data"),
        ("Service", "contoso-scim"),
        ("NetworkPolicy", "contoso-scim"),
        ("Deployment", "contoso-scim"),
    }


def test_labels() -> None:
    """Every object and every pod carries the contract's labels, whatever the spec adds."""
    settings = Settings(allow='{"podLabels": ["team"]}')
    found = objects(make(observed({"podLabels": {"team": "a"}}), settings))
    for wanted in found.values():
        assert wanted["metadata"]["labels"] == {
            "app.kubernetes.io/name": "scim-service",
            "app.kubernetes.io/managed-by": "scim-operator",
            "scim-operator.io/tenant": "contoso",
        }
    labels = found["Deployment", "contoso-scim"]["spec"]["template"]["metadata"]["labels"]
    assert labels == names.pod_labels("contoso") | {"team": "a"}


def test_restricted_pod() -> None:
    """The pod fulfils the restricted Pod Security Standard with a read-only root."""
    spec = pod()
    assert spec["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": 65532,
        "runAsGroup": 65532,
        "fsGroup": 65532,
        "fsGroupChangePolicy": "OnRootMismatch",
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    (container,) = spec["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert not spec.keys() & {"hostNetwork", "hostPID", "hostIPC"}
    assert container["image"] == IMAGE


def test_no_service_account_token() -> None:
    """The service does not use the Kubernetes API, so its pod mounts no token for it."""
    assert pod()["automountServiceAccountToken"] is False
    assert "serviceAccountName" not in pod()


def test_resources() -> None:
    """Pods have default requests and limits, which those of the tenant override."""
    resources = pod()["containers"][0]["resources"]
    kinds = {"cpu", "memory", "ephemeral-storage"}
    assert all(resources[part].keys() == kinds for part in ("requests", "limits"))
    own = {"limits": {"cpu": "2", "memory": "1Gi"}}
    found = pod({"resources": own})["containers"][0]["resources"]
    assert found["limits"].items() >= own["limits"].items()
    assert not found["requests"].keys() & own["limits"].keys()
    assert found["requests"]["ephemeral-storage"] == resources["requests"]["ephemeral-storage"]


def test_mounts() -> None:
    """The pod mounts only the digests of the three Secrets, and on SQLite the volume."""
    volumes = {volume["name"]: volume for volume in pod()["volumes"]}
    assert volumes["tokens"] == {
        "name": "tokens",
        "secret": {"secretName": "contoso-scim-digests"},
    }
    assert "contoso-scim-token" not in json.dumps(deployment())
    assert {mount["mountPath"] for mount in pod()["containers"][0]["volumeMounts"]} == {
        "/etc/scim/config",
        "/etc/scim/tokens",
        "/var/lib/scim",
        "/tmp",
    }


def test_recreate_on_sqlite() -> None:
    """On SQLite a Deployment never runs two pods."""
    assert deployment()["strategy"] == {"type": "Recreate"}


def test_rolling_update_on_postgres() -> None:
    """On PostgreSQL a change causes no gap, and there is no volume."""
    spec = POSTGRES | {"replicas": 2}
    assert deployment(spec)["strategy"] == {
        "type": "RollingUpdate",
        "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1},
    }
    found = objects(make(observed(spec)))
    assert ("PodDisruptionBudget", "contoso-scim") in found
    assert ("PersistentVolumeClaim", "contoso-scim-data") not in found


@pytest.mark.finding(12)
def test_the_database_url_is_a_file() -> None:
    """The pod mounts the named key and the authority's, nothing else, and none is a variable."""
    container = pod(POSTGRES)["containers"][0]
    environment = {entry["name"]: entry for entry in container["env"]}
    assert "SCIM_DATABASE_URL" not in environment
    assert not any("valueFrom" in entry for entry in container["env"])
    mount = next(mount for mount in container["volumeMounts"] if mount["name"] == "database")
    assert environment["SCIM_DATABASE_URL_FILE"]["value"] == f"{mount['mountPath']}/url"
    assert mount["readOnly"]
    volume = next(each for each in pod(POSTGRES)["volumes"] if each["name"] == "database")
    assert volume["projected"] == {
        "defaultMode": 0o440,
        "sources": [
            {"secret": {"name": "pg", "items": [{"key": "url", "path": "url"}]}},
            {
                "secret": {
                    "name": "pg",
                    "items": [{"key": "ca.crt", "path": "ca.crt"}],
                    "optional": True,
                }
            },
        ],
    }


def test_suspended() -> None:
    """A suspended tenant runs no pod and keeps its objects."""
    found = objects(make(observed({"suspended": True})))
    assert found["Deployment", "contoso-scim"]["spec"]["replicas"] == 0
    assert ("PersistentVolumeClaim", "contoso-scim-data") in found


def test_configuration() -> None:
    """config.json is the contract's example, field for field."""
    spec = {
        "exposure": {"host": "scim.example.com"},
        "provisioning": {"requiredAttributes": ["emails"], "maxUsers": 5000},
    }
    wanted = objects(make(observed(spec)))["ConfigMap", "contoso-scim-config"]
    assert json.loads(wanted["data"]["config.json"]) == {
        "tenant": "team-a/contoso",
        "basePath": "/team-a/contoso/scim",
        "tenantURL": "https://scim.example.com/team-a/contoso/scim",
        "provisioning": {
            "profile": "entra",
            "requiredAttributes": ["emails"],
            "maxUsers": 5000,
            "schemaExtensions": [],
        },
    }


def test_configuration_restarts_the_pod() -> None:
    """A change of config.json changes the pod template, and nothing else does."""
    before = deployment()["template"]
    assert deployment({"deletionPolicy": "Delete"})["template"] == before
    assert deployment({"displayName": "Other"})["template"] == before
    assert deployment({"provisioning": {"maxUsers": 1}})["template"] != before


def test_token_secret() -> None:
    """The token Secret has the two fields of Entra's page, in its words."""
    data = objects(make(observed(EXPOSED)))["Secret", "contoso-scim-token"]["data"]
    assert data.keys() == {"tenantUrl", "secretToken"}
    url = base64.b64decode(data["tenantUrl"]).decode()
    assert url == "https://scim.example.com/team-a/contoso/scim"


@pytest.mark.parametrize(
    ("policy", "unowned"),
    [
        ("Retain", {"contoso-scim-token", "contoso-scim-digests", "contoso-scim-data"}),
        ("Delete", set()),
    ],
)
def test_owners(policy: str, unowned: set[str]) -> None:
    """All objects are deleted with the tenant, except data and tokens that are retained."""
    found = objects(make(observed({"deletionPolicy": policy})))
    without = {
        name for (_, name), wanted in found.items() if "ownerReferences" not in wanted["metadata"]
    }
    assert without == unowned
    (owner,) = found["Service", "contoso-scim"]["metadata"]["ownerReferences"]
    assert (owner["uid"], owner["controller"]) == ("uid-contoso", True)


def _stale(planned: tuple[DesiredObject, ...]) -> set[str]:
    return {wanted.kind.name for wanted in planned if not wanted.is_current}


def test_nothing_to_do_twice() -> None:
    """After a plan was applied the next one writes nothing."""
    seen = observed(EXPOSED)
    again = make(applied(seen, make(seen)))
    assert _stale(again.secrets + again.objects) == set()
    assert again.removals == ()


def _edit(seen: Observed, kind: str) -> Observed:
    children = json.loads(json.dumps(list(seen.children.values())))
    for live in children:
        if live["kind"] == kind:
            live["spec"] = live["spec"] | {"replicas": 7}
    return replace(seen, children=dict(zip(seen.children, children, strict=True)))


def test_drift() -> None:
    """An edited object is written again, and only that one."""
    seen = observed()
    again = make(_edit(applied(seen, make(seen)), "Deployment"))
    assert _stale(again.secrets + again.objects) == {"Deployment"}


def test_removal() -> None:
    """Objects that a tenant no longer needs are removed, but never its volume."""
    seen = applied(observed(EXPOSED), make(observed(EXPOSED)))
    now = replace(seen, tenant=observed(POSTGRES).tenant)
    assert [kind for kind, _ in make(now).removals] == [INGRESS]
    assert (VOLUME_CLAIM, "contoso-scim-data") in now.children


@pytest.mark.finding(3)
def test_url_of_another() -> None:
    """A tenant without its URL has no Ingress, and no object contains the URL."""
    seen = replace(observed(EXPOSED), hold=Hold(is_routed=False))
    planned = objects(make(seen))
    assert ("Ingress", "contoso-scim") not in planned
    secret = planned["Secret", "contoso-scim-token"]
    assert secret["data"]["tenantUrl"] == ""
    config = json.loads(planned["ConfigMap", "contoso-scim-config"]["data"]["config.json"])
    assert config["tenantURL"] is None


def test_foreign_object() -> None:
    """An object that another controller owns is named and left alone."""
    seen = applied(observed(), make(observed()))
    owner = {"kind": "Other", "name": "else", "uid": "x", "controller": True}
    children = {
        (kind, name): live | {"metadata": live["metadata"] | {"ownerReferences": [owner]}}
        if kind is VOLUME_CLAIM
        else live
        for (kind, name), live in seen.children.items()
    }
    planned = make(watched(seen, children))
    assert VOLUME_CLAIM not in [wanted.kind for wanted in planned.objects]
    assert [fault.reason for fault in planned.faults] == ["ForeignOwner"]
    assert "Other else" in planned.faults[0].message


def test_claim_never_shrinks() -> None:
    """A volume kept from an earlier tenant keeps its size and class."""
    live = {
        "metadata": {"name": "contoso-scim-data", "namespace": "team-a", "uid": "volume"},
        "spec": {"resources": {"requests": {"storage": "5Gi"}}, "storageClassName": "old"},
    }
    spec = {"database": {"sqlite": {"size": "1Gi", "storageClassName": "new"}}}
    seen = replace(observed(spec), children={(VOLUME_CLAIM, "contoso-scim-data"): live})
    wanted = objects(make(seen))["PersistentVolumeClaim", "contoso-scim-data"]["spec"]
    assert wanted["resources"]["requests"]["storage"] == "5Gi"
    assert wanted["storageClassName"] == "old"


def test_claim_in_the_default_class() -> None:
    """A class that the API server filled in is no difference; a growing volume keeps it."""
    seen = applied(observed(), make(observed()))
    key = (VOLUME_CLAIM, "contoso-scim-data")
    live = seen.children[key]
    live["spec"]["storageClassName"] = "default"
    assert all(wanted.is_current for wanted in make(seen).objects)
    larger = {"database": {"sqlite": {"size": "5Gi"}}}
    grown = objects(make(replace(seen, tenant=observed(larger).tenant)))[key[0].name, key[1]]
    assert grown["spec"]["storageClassName"] == "default"


def with_secret(seen: Observed, token: str | None, **metadata: object) -> Observed:
    """The same with an owner's Secret, which spec.token.existingSecret names."""
    data = {"secretToken": base64.b64encode(token.encode()).decode()} if token else {}
    return replace(seen, existing_secret={"metadata": {"name": "mine"} | metadata, "data": data})


OWNED = {"token": {"existingSecret": "mine"}}
STRONG = "3kf8Qm2Lx9Zr7Tb1Vn5Wc0Yd4Hg6Jp8sRt"
WEAK = "Contoso-Summer-2026!"


@pytest.mark.finding(24)
@pytest.mark.parametrize(
    ("token", "reason"), [(None, "SecretMissing"), (WEAK, "TokenTooWeak"), (STRONG, None)]
)
def test_existing_secret(token: str | None, reason: str | None) -> None:
    """An owner's token must be strong; the operator writes only its digest."""
    planned = make(with_secret(observed(OWNED), token))
    assert (planned.token_fault and planned.token_fault.reason) == reason
    assert (planned.token is None) is (reason is not None)
    assert token is None or planned.token_fault is None or token not in planned.token_fault.message
    written = [wanted.name for wanted in planned.secrets]
    assert written == ([] if reason else ["contoso-scim-access", "contoso-scim-digests"])


def earlier(token: str, reason: str = "Issued") -> Observed:
    """A tenant with the owner's token as a version before the rule left it."""
    sha256 = token_format.hash_token(token)
    text = digests_file.dump([digests_file.AcceptedToken(sha256[:8], sha256, NOW)])
    live = {
        "metadata": {
            "name": "contoso-scim-digests",
            "namespace": "team-a",
            "uid": "1",
            "creationTimestamp": "2026-11-25T08:00:00Z",
            "labels": names.labels("contoso"),
        },
        "data": {"tokens.json": base64.b64encode(text.encode()).decode()},
    }
    condition = Condition(
        type="TokenReady", status="True", reason=reason, message="", last_transition_time=NOW
    )
    seen = with_secret(observed(OWNED), token)
    listed = TokenStatus(id=sha256[:8], created_at=NOW)
    status = Status(observed_generation=1, conditions=(condition,), tokens=(listed,))
    tenant = replace(seen.tenant, status=status)
    return replace(seen, tenant=tenant, children={(SECRET, "contoso-scim-digests"): live})


@pytest.mark.finding(24)
def test_upgrade_with_a_weak_token() -> None:
    """A weak token that was accepted before stays so, with a warning; another one is refused."""
    planned = make(earlier(WEAK))
    assert planned.token is not None
    assert [entry.sha256 for entry in planned.token.stored.accepted] == [
        token_format.hash_token(WEAK)
    ]
    assert planned.weakness
    another = make(with_secret(earlier(WEAK), "Contoso-Winter-2026!"))
    assert another.token_fault is not None
    assert another.token_fault.reason == "TokenTooWeak"
    lost = replace(earlier(WEAK, "WeakToken"), children={})
    assert make(lost).token is not None


@pytest.mark.finding(25)
def test_upgrade_with_an_old_id() -> None:
    """The first reconcile gives an owner's token a random id, which it keeps."""
    seen = earlier(WEAK)
    first = make(seen)
    assert first.token is not None
    (entry,) = first.token.stored.accepted
    assert not token_format.hash_token(WEAK).startswith(entry.id)
    after = applied(seen, first)
    second = make(after)
    assert second.token is not None
    assert second.token.stored == first.token.stored
    assert all(wanted.is_current for wanted in second.secrets)


@pytest.mark.finding("S3")
@pytest.mark.parametrize(
    "metadata",
    [
        {"labels": {names.TENANT_LABEL: "fabrikam"}},
        {"labels": names.labels("contoso")},
        {"ownerReferences": [{"kind": "ScimTenant", "name": "fabrikam", "uid": "x"}]},
    ],
)
def test_a_secret_of_another_tenant(metadata: dict[str, Any]) -> None:
    """A Secret of another tenant or of the operator is not accepted as the owner's."""
    planned = make(with_secret(observed(OWNED), STRONG, **metadata))
    assert planned.token_fault is not None
    assert planned.token_fault.reason == "ForeignSecret"
    assert planned.secrets == ()


@pytest.mark.finding("S3")
def test_a_secret_with_the_own_label() -> None:
    """The owner's Secret may have the tenant's label, so that changes are watched."""
    labels = {names.TENANT_LABEL: "contoso"}
    assert make(with_secret(observed(OWNED), STRONG, labels=labels)).token is not None


def test_back_from_a_secret_of_the_owners() -> None:
    """The operator's own token stays if it is still accepted; a revoked one stays rejected."""

    def seen_by(seen: Observed, spec: dict[str, Any] | None, **annotations: str) -> Observed:
        before = tenant_status.build(seen, make(seen), (), NOW)
        tenant = observed(spec, **annotations).tenant
        return with_secret(replace(seen, tenant=replace(tenant, status=before)), STRONG)

    first = applied(observed(), make(observed()))
    own = make(first).token
    assert own is not None
    switched = seen_by(first, OWNED)
    switched = applied(switched, make(switched))
    back = make(seen_by(switched, None)).token
    assert back is not None
    assert back.stored.token == own.stored.token

    revoke = {names.REVOKE_ANNOTATION: "1"}
    revoked = seen_by(switched, OWNED, **revoke)
    revoked = applied(revoked, make(revoked))
    back = make(seen_by(revoked, None, **revoke)).token
    assert back is not None
    assert back.changes == (rotation.Change.REISSUED,)
    digests = [entry.sha256 for entry in back.stored.accepted]
    assert digests[0] == token_format.hash_token(STRONG)
    assert token_format.hash_token(str(own.stored.token)) not in digests


def reported(seen: Observed, *uses: TokenUse) -> Observed:
    """The same with a service status."""
    return replace(
        seen, service_status=ServiceStatus(users=0, active_users=0, groups=0, tokens=uses)
    )


def rotated() -> tuple[Observed, str]:
    """A tenant whose new token waits for its use, and the new token."""
    first = applied(observed(), make(observed()))
    rotate = {names.ROTATE_ANNOTATION: "1"}
    asked = replace(first, tenant=observed(None, **rotate).tenant)
    planned = make(asked)
    assert planned.token is not None
    return applied(asked, planned), str(planned.token.stored.token)


@pytest.mark.finding(21)
@pytest.mark.parametrize("used", [NOW, NOW - timedelta(days=400), NOW + timedelta(days=4000)])
def test_a_report_that_lies(used: datetime) -> None:
    """A pod that claims a use without proof retires no token, and the status says so."""
    seen, _ = rotated()
    before = make(seen)
    assert before.token is not None
    old, new = before.token.stored.accepted
    lying = reported(seen, *(TokenUse(id=new.id, last_used=used, proof="0" * 64),))
    for now in (NOW, NOW + timedelta(days=100)):
        planned = make(lying, now=now)
        assert planned.token is not None
        assert planned.token.stored.accepted == (old, new)
        found = tenant_status.build(lying, planned, [], now)
        (ready,) = (each for each in found.conditions if each.type == "TokenReady")
        assert ready.reason == "WaitingForProof"
        assert found.tokens[1].confirmed_at is None
        assert found.tokens[1].last_used is not None
        assert found.tokens[1].last_used <= now
        # Not by way of the status either.
        tenant = replace(lying.tenant, status=found)
        later = make(
            replace(lying, tenant=tenant, service_status=None), now=now + timedelta(days=9)
        )
        assert later.token is not None
        assert later.token.stored.accepted == (old, new)


@pytest.mark.finding(21)
def test_a_report_that_proves() -> None:
    """A correct proof retires the old token after the overlap, even if it is given only once."""
    seen, token = rotated()
    planned = make(seen)
    assert planned.token is not None
    new = planned.token.stored.accepted[1].id
    honest = reported(
        seen, TokenUse(id=new, last_used=NOW, proof=token_format.compute_proof(token, new))
    )
    decided = make(honest)
    assert decided.token is not None
    assert decided.token.stored.accepted[0].not_after == NOW + timedelta(hours=72)
    found = tenant_status.build(honest, decided, [], NOW)
    assert found.tokens[1].confirmed_at == NOW
    restarted = reported(replace(seen, tenant=replace(seen.tenant, status=found)))
    assert make(restarted).token == replace(decided.token, changes=())
    later = tenant_status.build(restarted, make(restarted), [], NOW + timedelta(hours=1))
    assert later.tokens[1].confirmed_at == NOW


def test_proofs_are_not_shown() -> None:
    """A proof can test guesses of the token, so no text of a service status contains it."""
    secret = token_format.compute_proof(STRONG, "k3v9q2aa")
    assert secret not in repr(TokenUse(id="k3v9q2aa", proof=secret))


def test_lost_token_secret_comes_back() -> None:
    """A deleted token Secret is written again with the same token."""
    seen = applied(observed(), make(observed()))
    children = dict(seen.children)
    lost = children.pop((SECRET, "contoso-scim-token"))
    again = objects(make(replace(seen, children=children, deleted_token=lost)))
    assert again["Secret", "contoso-scim-token"]["data"] == lost["data"]


def test_network_policy_can_be_off() -> None:
    """An administrator can disable network policies."""
    found = objects(make(observed(), Settings(network_policies=False)))
    assert ("NetworkPolicy", "contoso-scim") not in found
