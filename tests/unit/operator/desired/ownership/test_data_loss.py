"""Safeguards for a tenant whose volume or tokens are being deleted, lost or replaced."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from scim_operator.api import names
from scim_operator.api.tenant import Tenant
from scim_operator.api.v1alpha1.status import VolumeStatus
from scim_operator.desired.observed import Observed
from scim_operator.desired.plan import Plan
from scim_operator.kube.kinds import DEPLOYMENT, SECRET, VOLUME_CLAIM, Object
from scim_operator.status import tenant_status

from tests.unit.operator.sample import NOW, SEALS, applied, body, make, observed, watched

VOLUME = (VOLUME_CLAIM, "contoso-scim-data")
TOKEN = (SECRET, "contoso-scim-token")
DIGESTS = (SECRET, "contoso-scim-digests")
BOTH = (TOKEN, DIGESTS)
BEFORE = "2026-11-25T07:00:00Z"
LATER = "2026-11-25T08:30:00Z"
POD = (DEPLOYMENT, "contoso-scim")


def bound(live: Object, volume: str = "pvc-1") -> Object:
    """The claim with a volume."""
    return live | {"spec": live["spec"] | {"volumeName": volume}, "status": {"phase": "Bound"}}


def told(seen: Observed, planned: Plan) -> Observed:
    """The observed tenant after the status of a reconcile was written."""
    result = tenant_status.build(seen, planned, planned.faults, NOW)
    return replace(seen, tenant=replace(seen.tenant, status=result))


def serving() -> Observed:
    """A tenant that has everything, and whose status says so."""
    first = applied(observed(), make(observed()))
    children = dict(first.children)
    children[VOLUME] = bound(children[VOLUME])
    seen = watched(first, children)
    return told(seen, make(seen))


def without(seen: Observed, *gone: tuple[Any, str]) -> Observed:
    """The same tenant without some of its objects."""
    children = {key: live for key, live in seen.children.items() if key not in gone}
    return watched(seen, children)


def changed(seen: Observed, key: tuple[Any, str], **change: Any) -> Observed:
    """The same tenant with other fields of an object; metadata is merged."""
    live = seen.children[key]
    metadata = live["metadata"] | change.pop("metadata", {})
    return watched(seen, dict(seen.children) | {key: live | change | {"metadata": metadata}})


def of_an_earlier_version(seen: Observed) -> Observed:
    """The same tenant of a version that kept no record of its volume."""
    earlier = seen.tenant.status.model_copy(update={"volume": None, "users": 3})
    return replace(seen, tenant=replace(seen.tenant, status=earlier))


def annotated(seen: Observed, **annotations: str) -> Observed:
    """The same tenant with annotations of the operator's group, by their names without it."""
    found = {f"{names.GROUP}/{key.replace('_', '-')}": text for key, text in annotations.items()}
    return replace(seen, tenant=replace(seen.tenant, annotations=found))


def reasons(seen: Observed) -> tuple[str, str]:
    """Reasons of the conditions Stalled and TokenReady."""
    planned = make(seen)
    result = tenant_status.build(seen, planned, planned.faults, NOW)
    stalled, token = result.condition("Stalled"), result.condition("TokenReady")
    assert stalled is not None
    assert token is not None
    return (stalled.reason if stalled.status == "True" else "", token.reason)


def wanted(planned: Plan) -> set[tuple[Any, str]]:
    """The kinds and names that a reconcile writes or keeps."""
    return {(each.kind, each.name) for each in (*planned.secrets, *planned.objects)}


def test_a_serving_tenant_has_a_record() -> None:
    """A healthy tenant's volume is recorded, and nothing is held back."""
    seen = serving()
    assert seen.tenant.status.volume == VolumeStatus(name="pvc-1", claim="contoso-scim-data")
    assert {VOLUME, POD} <= wanted(make(seen))
    assert reasons(seen) == ("", "Issued")


def test_a_claim_that_never_had_a_volume_is_made_again() -> None:
    """A tenant that never had a volume has no data to lose."""
    first = applied(observed(), make(observed()))
    seen = told(first, make(first))
    assert seen.tenant.status.volume is None
    planned = make(without(seen, VOLUME))
    assert {VOLUME, POD} <= wanted(planned)
    assert not planned.halts


@pytest.mark.parametrize("kept_record", [True, False], ids=["recorded", "of an earlier version"])
def test_a_claim_that_is_going(kept_record: bool) -> None:
    """A claim being deleted is reported with a remedy, and the pod that uses it stays."""
    seen = changed(serving(), VOLUME, metadata={"deletionTimestamp": LATER})
    if not kept_record:
        seen = of_an_earlier_version(seen)
    planned = make(seen)
    assert reasons(seen)[0] == "VolumeBeingDeleted"
    assert POD not in wanted(planned)
    assert not planned.halts
    (fault,) = planned.faults
    assert "reclaim policy Retain of the PersistentVolume pvc-1" in fault.message
    let_go = make(annotated(seen, begin_anew="pvc-1"))
    assert POD in wanted(let_go)


@pytest.mark.parametrize("kept_record", [True, False], ids=["recorded", "of an earlier version"])
def test_a_claim_that_is_gone(kept_record: bool) -> None:
    """No empty volume replaces a lost one, and no pod runs, until a person gives the old one up."""
    seen = serving()
    if not kept_record:
        seen = of_an_earlier_version(seen)
    lost = without(seen, VOLUME)
    planned = make(lost)
    assert reasons(lost)[0] == "VolumeLost"
    assert not {VOLUME, POD} & wanted(planned)
    assert planned.halts
    assert make(told(lost, planned)).halts
    name = "pvc-1" if kept_record else "contoso-scim-data"
    assert f"{names.BEGIN_ANEW_ANNOTATION}={name}" in planned.faults[0].message
    assert make(annotated(lost, begin_anew="another")).halts
    anew = make(annotated(lost, begin_anew=f"another, {name}"))
    assert {VOLUME, POD} <= wanted(anew)
    assert not anew.halts


def test_consent_is_to_one_loss() -> None:
    """The next volume is as safe as the first, although the annotation still exists."""
    lost = annotated(without(serving(), VOLUME), begin_anew="pvc-1")
    again = applied(lost, make(lost))
    again = changed(again, VOLUME, metadata={"uid": "second"})
    pending = told(again, make(again))
    assert pending.tenant.status.volume == VolumeStatus(name="", claim="second")
    children = dict(pending.children)
    children[VOLUME] = bound(children[VOLUME], "pvc-2")
    second = watched(pending, children)
    second = told(second, make(second))
    assert second.tenant.status.volume == VolumeStatus(name="pvc-2", claim="second")
    assert reasons(without(second, VOLUME))[0] == "VolumeLost"


def test_the_claim_of_a_kept_volume_is_made_again() -> None:
    """By an annotation the claim is created for the existing volume, and names it from then on."""
    lost = annotated(without(serving(), VOLUME), rebind_volume="pvc-1")
    planned = make(lost)
    (claim,) = (each for each in planned.objects if each.kind is VOLUME_CLAIM)
    assert claim.object["spec"]["volumeName"] == "pvc-1"
    again = changed(applied(lost, planned), VOLUME, metadata={"uid": "second"})
    assert reasons(told(again, make(again)))[0] == ""
    # The annotation on the tenant has done its work; a claim must not lose its volume's name.
    settled = make(annotated(again))
    (claim,) = (each for each in settled.objects if each.kind is VOLUME_CLAIM)
    assert claim.is_current
    assert POD in wanted(settled)


def test_only_the_tenants_own_volume_is_rebound() -> None:
    """The author of a ScimTenant cannot bind any other volume of the cluster."""
    planned = make(annotated(without(serving(), VOLUME), rebind_volume="pvc-of-others"))
    assert VOLUME not in wanted(planned)


def test_a_claim_that_was_replaced() -> None:
    """A sealed claim of another volume is not the data: no pod starts on it without consent."""
    seen = changed(serving(), VOLUME, metadata={"uid": "other"})
    children = dict(seen.children)
    children[VOLUME] = bound(children[VOLUME], "pvc-2")
    seen = watched(seen, children)
    planned = make(seen)
    assert reasons(seen)[0] == "VolumeReplaced"
    assert planned.halts
    assert POD not in wanted(planned)
    # The record of which object it is does not make it the right one.
    assert make(told(seen, planned)).halts
    consented = make(annotated(seen, adopt="other"))
    assert POD in wanted(consented)
    assert consented.safeguards.record == VolumeStatus(name="pvc-2", claim="other")


def test_another_claim_of_the_same_volume() -> None:
    """The volume counts, not its claim: a manual claim for the kept volume has the data."""
    seen = changed(serving(), VOLUME, metadata={"uid": "other"})
    assert reasons(seen)[0] == ""
    assert make(seen).safeguards.record == VolumeStatus(name="pvc-1", claim="other")


def test_a_lost_volume() -> None:
    """A claim whose PersistentVolume is gone is stalled, and pods stay."""
    seen = changed(serving(), VOLUME, status={"phase": "Lost"})
    assert reasons(seen)[0] == "VolumeLost"
    assert POD not in wanted(make(seen))
    assert not make(seen).halts


def test_lost_tokens() -> None:
    """If token and digests are both gone, no other token is issued without consent."""
    seen = without(serving(), TOKEN, DIGESTS)
    assert reasons(seen) == ("TokenLost", "TokenLost")
    planned = make(seen)
    assert not planned.secrets
    assert POD not in wanted(planned)
    (token,) = seen.tenant.status.tokens
    anew = make(annotated(seen, begin_anew=token.id))
    assert {TOKEN, DIGESTS, POD} <= wanted(anew)


@pytest.mark.parametrize("first", [TOKEN, DIGESTS])
def test_lost_tokens_that_are_restored(first: tuple[Any, str]) -> None:
    """No token is issued between the restores of the two Secrets either."""
    whole = serving()
    lost = without(whole, TOKEN, DIGESTS)
    lost = told(lost, make(lost))
    half = watched(lost, dict(lost.children) | {first: whole.children[first]})
    planned = make(half)
    assert reasons(half) == ("TokenLost", "TokenLost")
    assert planned.token is None
    (token,) = half.tenant.status.tokens
    assert make(annotated(half, begin_anew=token.id)).token_fault is None
    there = make(watched(half, dict(half.children) | {key: whole.children[key] for key in BOTH}))
    assert there.token is not None
    assert there.token.changes == ()


@pytest.mark.parametrize("gone", [TOKEN, DIGESTS])
def test_one_secret_is_no_loss(gone: tuple[Any, str]) -> None:
    """One of the two Secrets is enough: digests keep the token accepted, a token gives digests."""
    planned = make(without(serving(), gone))
    assert {TOKEN, DIGESTS, POD} <= wanted(planned)
    assert planned.token_fault is None


def test_tokens_that_are_the_owners() -> None:
    """A tenant with existingSecret loses nothing if its digests are lost."""
    seen = without(serving(), TOKEN, DIGESTS)
    tenant = Tenant.parse(body(spec={"token": {"existingSecret": "mine"}}))
    tenant = replace(tenant, status=seen.tenant.status)
    assert make(replace(seen, tenant=tenant)).safeguards.tokens is None


def restored(*there: tuple[Any, str], created: str = LATER, **annotations: str) -> Observed:
    """A tenant that a backup restored without status, with some of its objects."""
    seen = serving()
    fresh = Observed(tenant=Tenant.parse(body()), seals=SEALS, children={})
    fresh = annotated(fresh, **annotations)
    children = {
        key: live | {"metadata": live["metadata"] | {"creationTimestamp": created}}
        for key, live in seen.children.items()
        if key in there
    }
    return watched(fresh, children)


@pytest.mark.parametrize("there", [(), (DIGESTS,), (DIGESTS, TOKEN), (VOLUME,), (VOLUME, TOKEN)])
def test_restored_before_its_data(there: tuple[tuple[Any, str], ...]) -> None:
    """A tenant that has served waits for what is missing: no new token, no empty volume, no pod."""
    seen = restored(*there, has_served="true")
    for _ in range(2):
        planned = make(seen)
        assert reasons(seen)[0] == "DataMissing"
        assert not {VOLUME, TOKEN, POD} & wanted(planned)
        seen = told(seen, planned)
    anew = make(annotated(seen, has_served="true", begin_anew="uid-contoso"))
    assert {VOLUME, TOKEN, DIGESTS, POD} <= wanted(anew)


def test_restored_with_its_data() -> None:
    """When all objects are restored the tenant serves with its old token."""
    seen = restored(VOLUME, TOKEN, DIGESTS, has_served="true")
    planned = make(seen)
    assert {VOLUME, TOKEN, DIGESTS, POD} <= wanted(planned)
    assert reasons(seen)[0] == ""
    assert planned.token is not None
    assert planned.token.changes == ()


@pytest.mark.parametrize("there", [(TOKEN, DIGESTS), (VOLUME,), (TOKEN, VOLUME)])
def test_a_part_of_what_an_earlier_tenant_left(there: tuple[tuple[Any, str], ...]) -> None:
    """Objects older than the tenant show that others are missing, without an annotation."""
    seen = restored(*there, created=BEFORE)
    assert reasons(seen)[0] == "DataMissing"
    assert make(annotated(seen, begin_anew="uid-contoso")).safeguards.volume is None


@pytest.mark.parametrize("there", [(), (TOKEN,), (TOKEN, DIGESTS)])
def test_an_interrupted_first_pass(there: tuple[tuple[Any, str], ...]) -> None:
    """Objects of an interrupted first reconcile do not block a new tenant."""
    seen = restored(*there)
    assert {VOLUME, TOKEN, DIGESTS, POD} <= wanted(make(seen))
    assert reasons(seen)[0] == ""


def test_postgres_has_no_volume() -> None:
    """A tenant without a volume needs only its tokens."""
    database: Object = {"postgres": {"urlFrom": {"name": "db", "key": "url"}}}
    tenant = Tenant.parse(body(spec={"database": database}) | {"spec": {"database": database}})
    seen = annotated(Observed(tenant=tenant, seals=SEALS, children={}), has_served="true")
    fault = make(seen).safeguards.tokens
    assert fault is not None
    assert "PersistentVolumeClaim" not in fault.message
    assert "Secret contoso-scim-token" in fault.message
