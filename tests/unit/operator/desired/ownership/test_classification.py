"""Ownership of objects at a tenant's names, and the trusted contents of its Secrets."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import Any

import pytest
from scim_operator.api.tenant import Tenant
from scim_operator.api.v1alpha1.status import Status
from scim_operator.desired.observed import Observed
from scim_operator.desired.ownership import classification
from scim_operator.desired.ownership.classification import Ownership, classify
from scim_operator.desired.ownership.seals import SEALED, Seals
from scim_operator.desired.tokens import token_format, trusted_secrets
from scim_operator.kube.kinds import (
    CONFIG_MAP,
    DEPLOYMENT,
    NETWORK_POLICY,
    SECRET,
    SERVICE,
    VOLUME_CLAIM,
    Kind,
)
from scim_operator.status import tenant_status
from scim_operator.status.events import derive

from tests.unit.operator.sample import (
    NOW,
    SEALS,
    Object,
    applied,
    body,
    make,
    objects,
    observed,
    watched,
)

TOKEN = (SECRET, "contoso-scim-token")
ACCESS = (SECRET, "contoso-scim-access")
DIGESTS = (SECRET, "contoso-scim-digests")
VOLUME = (VOLUME_CLAIM, "contoso-scim-data")
OTHER_KEY = Seals(b"x" * 32)
SEEN = {"observedGeneration": 1}


def tenant(status: Object | None = None, **annotations: str) -> Tenant:
    """A tenant with a status, and annotations under the operator's prefix."""
    given = {f"scim-operator.io/{key}": text for key, text in annotations.items()}
    return Tenant.parse(body(annotations=given) | ({"status": status} if status else {}))


def live(kind: Kind, name: str, seals: Seals | None = None, **metadata: Any) -> Object:
    """An object of that name, sealed or not."""
    found: Object = {
        "kind": kind.name,
        "metadata": {"name": name, "namespace": "team-a", "uid": "1"} | metadata,
    }
    return seals.add_seal(kind, tenant().key, found) if seals else found


def owner(kind: str, name: str, uid: str) -> list[Object]:
    """Owner references with one controller."""
    return [{"kind": kind, "name": name, "uid": uid, "controller": True}]


OWN = owner("ScimTenant", "contoso", "uid-contoso")
LABELS = {"scim-operator.io/tenant": "contoso", "app.kubernetes.io/managed-by": "scim-operator"}
ADOPTABLE = {"scim-operator.io/adopt-by": "contoso"}


@pytest.mark.finding(6, 7)
@pytest.mark.parametrize(
    ("found", "whose", "expected"),
    [
        (live(*VOLUME, SEALS), tenant(), Ownership.SEALED),
        (live(*VOLUME, OTHER_KEY), tenant(), Ownership.FOREIGN),
        (live(*VOLUME), tenant(), Ownership.FOREIGN),
        (live(*VOLUME, labels=LABELS), tenant(), Ownership.FOREIGN),
        (live(*VOLUME, ownerReferences=OWN), tenant(), Ownership.FOREIGN),
        (live(*TOKEN, ownerReferences=OWN, labels=LABELS), tenant(), Ownership.FOREIGN),
        (live(SERVICE, "contoso-scim", ownerReferences=OWN), tenant(), Ownership.SEALED),
        (live(SERVICE, "contoso-scim", labels=LABELS), tenant(), Ownership.FOREIGN),
        (live(SERVICE, "contoso-scim", SEALS), tenant(), Ownership.FOREIGN),
        (
            live(*VOLUME, SEALS, ownerReferences=owner("ScimTenant", "contoso", "old")),
            tenant(),
            Ownership.LEFTOVER,
        ),
        (
            live(*VOLUME, SEALS, ownerReferences=owner("ScimTenant", "fabrikam", "old")),
            tenant(),
            Ownership.FOREIGN,
        ),
        (
            live(SERVICE, "contoso-scim", ownerReferences=owner("Other", "contoso", "2")),
            tenant(),
            Ownership.FOREIGN,
        ),
        (
            live(*VOLUME),
            tenant(
                SEEN
                | {
                    "sealedBy": SEALS.id,
                    "objects": {"PersistentVolumeClaim/contoso-scim-data": "1"},
                }
            ),
            Ownership.RECORDED,
        ),
        (
            live(*VOLUME),
            tenant(
                SEEN
                | {
                    "sealedBy": SEALS.id,
                    "objects": {"PersistentVolumeClaim/contoso-scim-data": "0"},
                }
            ),
            Ownership.FOREIGN,
        ),
        (
            live(*VOLUME, OTHER_KEY),
            tenant(
                SEEN
                | {
                    "sealedBy": OTHER_KEY.id,
                    "objects": {"PersistentVolumeClaim/contoso-scim-data": "1"},
                }
            ),
            Ownership.GRANDFATHERED,
        ),
        (live(*VOLUME, labels=LABELS), tenant(SEEN), Ownership.GRANDFATHERED),
        (live(*TOKEN, labels=LABELS), tenant(SEEN), Ownership.GRANDFATHERED),
        (live(*VOLUME), tenant(SEEN), Ownership.FOREIGN),
        (live(*ACCESS, labels=LABELS), tenant(SEEN), Ownership.FOREIGN),
        (live(SERVICE, "contoso-scim", labels=LABELS), tenant(SEEN), Ownership.FOREIGN),
        (live(*VOLUME, labels=LABELS), tenant(SEEN | {"sealedBy": SEALS.id}), Ownership.FOREIGN),
        (live(*VOLUME, annotations=ADOPTABLE), tenant(adopt="2,1"), Ownership.ADOPTED),
        (live(*VOLUME, annotations=ADOPTABLE), tenant(), Ownership.FOREIGN),
        (live(*VOLUME, annotations=ADOPTABLE), tenant(adopt="2"), Ownership.FOREIGN),
        (live(*VOLUME), tenant(adopt="1"), Ownership.FOREIGN),
        (
            live(*VOLUME, annotations={"scim-operator.io/adopt-by": "fabrikam"}),
            tenant(adopt="1"),
            Ownership.FOREIGN,
        ),
        (
            live(
                SERVICE,
                "contoso-scim",
                annotations=ADOPTABLE,
                ownerReferences=owner("Other", "contoso", "2"),
            ),
            tenant(adopt="1"),
            Ownership.FOREIGN,
        ),
    ],
    ids=[
        *("sealed volume", "sealed with another key", "volume", "labelled volume"),
        *("volume given away", "Secret given away", "controlled", "labelled", "seal on a Service"),
        *("earlier tenant's", "other tenant's", "other controller's"),
        *("recorded", "other uid recorded", "key lost", "old volume", "old token"),
        *("old without a label", "no credential is old", "no Service is old", "seen by this key"),
        *("adopted", "only the object consents", "other uid", "only the tenant consents"),
        *("by another tenant", "controlled and adopted"),
    ],
)
def test_judge(found: Object, whose: Tenant, expected: Ownership) -> None:
    """Only a seal, a record in status or an adoption makes an object the tenant's."""
    kind = next(kind for kind in (SECRET, VOLUME_CLAIM, SERVICE) if kind.name == found["kind"])
    assert classify(kind, found, whose, SEALS) is expected


@pytest.mark.finding(6, 7)
@pytest.mark.parametrize(
    "change",
    [
        {"name": "contoso-scim-digests"},
        {"namespace": "team-b"},
        {"tenant": "fabrikam"},
        {"kind": VOLUME_CLAIM},
        {"data": {"secretToken": "b3RoZXI="}},
        {"data": {"secretToken": "b25l", "tokens.json": "e30="}},
    ],
    ids=["name", "namespace", "tenant", "kind", "content", "more content"],
)
def test_seal_holds_for_one_object(change: dict[str, Any]) -> None:
    """A seal is not valid on another object or with another content."""
    key = tenant().key
    secret = SEALS.add_seal(SECRET, key, live(*TOKEN) | {"data": {"secretToken": "b25l"}})
    assert SEALS.is_sealed(SECRET, key, secret | {"data": secret["data"] | {"tenantUrl": "eA=="}})
    moved = secret | {
        "metadata": secret["metadata"] | {"name": change.get("name", TOKEN[1])},
        "data": change.get("data", secret["data"]),
    }
    elsewhere = key._replace(
        namespace=change.get("namespace", key.namespace), name=change.get("tenant", key.name)
    )
    assert not SEALS.is_sealed(change.get("kind", SECRET), elsewhere, moved)


def settled(seen: Observed, seals: Seals = SEALS) -> Observed:
    """The observed tenant after some reconciles, with its status."""
    seen = replace(seen, seals=seals)
    for _ in range(2):
        planned = make(seen)
        seen = applied(seen, planned)
        written = tenant_status.build(seen, planned, planned.faults, NOW)
        seen = replace(seen, tenant=replace(seen.tenant, status=written))
    return watched(seen, seen.children)


def edited(seen: Observed, which: tuple[Kind, str], **change: Any) -> Observed:
    """The observed tenant after another client has changed an object."""
    found: Object = json.loads(json.dumps(seen.children[which]))
    return watched(seen, {**seen.children, which: found | change})


def entries(text: str) -> list[Object]:
    """The entries of a digests file in a Secret."""
    found: list[Object] = json.loads(base64.b64decode(text))["tokens"]
    return found


def with_digest(seen: Observed, **change: Any) -> Observed:
    """Digests with an added entry, or with a changed first entry."""
    found = entries(seen.children[DIGESTS]["data"]["tokens.json"])
    added = {
        "id": "planted",
        "sha256": token_format.hash_token("known"),
        "createdAt": "2026-11-25T09:00:00Z",
    }
    found = [found[0] | change, *found[1:]] if change else [*found, added]
    text = base64.b64encode(json.dumps({"tokens": found}).encode()).decode()
    return edited(seen, DIGESTS, data=seen.children[DIGESTS]["data"] | {"tokens.json": text})


def rotated(seen: Observed) -> Observed:
    """A tenant whose older token is still accepted."""
    annotations = {"scim-operator.io/rotate-token": "1"}
    return settled(replace(seen, tenant=replace(seen.tenant, annotations=annotations)))


def accepted(seen: Observed) -> list[Object]:
    """The accepted digests of a plan."""
    return entries(objects(make(seen))["Secret", "contoso-scim-digests"]["data"]["tokens.json"])


@pytest.mark.finding(7)
def test_added_digest() -> None:
    """A digest of another client is removed and reported; the others stay."""
    seen = rotated(settled(observed()))
    before = accepted(seen)
    assert len(before) == 2
    changed = with_digest(seen)
    assert accepted(changed) == before
    planned = make(changed)
    assert planned.rejected == (trusted_secrets.Rejected.DIGEST,)
    (told,) = [
        event
        for event in derive(seen.tenant.status, seen.tenant.status, planned, [])
        if event.reason == "ForeignDigestRemoved"
    ]
    assert told.warning
    assert "planted" not in told.message


@pytest.mark.finding(7)
def test_exchanged_digest() -> None:
    """A digest with the id of an accepted token is rejected as well."""
    seen = rotated(settled(observed()))
    before = accepted(seen)
    assert accepted(with_digest(seen, sha256=token_format.hash_token("known"))) == before[1:]


@pytest.mark.finding(7)
def test_edited_times() -> None:
    """An editor of the Secret cannot change when a token ends."""
    seen = rotated(settled(observed()))
    assert accepted(with_digest(seen, notAfter="2099-01-01T00:00:00Z")) == accepted(seen)
    assert accepted(with_digest(seen, notAfter="2000-01-01T00:00:00Z")) == accepted(seen)


@pytest.mark.finding(7)
def test_replaced_token() -> None:
    """A token of another client in the Secret is replaced; Entra's stays accepted."""
    seen = settled(observed())
    before = accepted(seen)
    planted = base64.b64encode(b"a token that somebody knows, long enough").decode()
    changed = edited(seen, TOKEN, data=seen.children[TOKEN]["data"] | {"secretToken": planted})
    planned = make(changed)
    assert planned.rejected == (trusted_secrets.Rejected.TOKEN,)
    assert planned.token
    assert planned.token.stored.token != base64.b64decode(planted).decode()
    assert accepted(changed)[:-1] == before
    assert token_format.hash_token("a token that somebody knows, long enough") not in str(
        accepted(changed)
    )


def unsealed(found: Object) -> Object:
    """An object without its seal."""
    annotations = {
        key: text
        for key, text in found["metadata"].get("annotations", {}).items()
        if key != "scim-operator.io/seal"
    }
    return found | {"metadata": found["metadata"] | {"annotations": annotations}}


def test_seal_taken_away() -> None:
    """Removed seals do not lock Entra out: the status confirms the contents."""
    seen = rotated(settled(observed()))
    before, token = accepted(seen), make(seen).token
    for which in (TOKEN, DIGESTS, ACCESS, VOLUME):
        seen = edited(seen, which, metadata=unsealed(seen.children[which])["metadata"])
    planned = make(seen)
    assert not planned.faults
    assert not planned.rejected
    assert accepted(seen) == before
    assert planned.token
    assert token
    assert planned.token.stored.token == token.stored.token


@pytest.mark.finding(7)
def test_key_lost() -> None:
    """With a new key a tenant keeps all its tokens, and its objects are sealed again once."""
    seen = rotated(settled(observed()))
    before = seen.tenant.status
    lost = watched(replace(seen, seals=OTHER_KEY), seen.children)
    planned = make(lost)
    assert not planned.faults
    assert not planned.rejected
    assert accepted(lost) == accepted(seen)
    assert objects(planned)[TOKEN[0].name, TOKEN[1]]["data"] == seen.children[TOKEN]["data"]
    assert objects(planned)[ACCESS[0].name, ACCESS[1]]["data"] == seen.children[ACCESS]["data"]

    again = settled(lost, OTHER_KEY)
    assert (before.sealed_by, again.tenant.status.sealed_by) == (SEALS.id, OTHER_KEY.id)
    assert all(wanted.is_current for wanted in (*make(again).secrets, *make(again).objects))
    reasons = [event.reason for event in derive(before, again.tenant.status, planned, [])]
    assert "SealedAnew" in reasons


@pytest.mark.finding(7)
def test_key_lost_and_a_digest_planted() -> None:
    """With a new key, a digest that the status does not list is rejected as well."""
    seen = rotated(settled(observed()))
    before = accepted(seen)
    changed = with_digest(seen)
    lost = watched(replace(changed, seals=OTHER_KEY), changed.children)
    assert accepted(lost) == before


@pytest.mark.finding(7)
def test_sealed_only_when_all_is() -> None:
    """The status confirms Secrets until each of them has a seal of the new key."""
    seen = settled(observed())
    lost = watched(replace(seen, seals=OTHER_KEY), seen.children)
    assert tenant_status.build(lost, make(lost), [], NOW).sealed_by == SEALS.id


def of_old(seen: Observed) -> Observed:
    """The tenant of a version that neither sealed nor recorded anything."""
    known = seen.tenant.status
    old = Status.model_validate(
        known.model_dump(exclude={"sealed_by", "objects"})
        | {"tokens": [token.model_dump(exclude={"seal"}) for token in known.tokens]}
    )
    children = {which: unsealed(found) for which, found in seen.children.items() if which != ACCESS}
    data = {"tokens.json": seen.children[DIGESTS]["data"]["tokens.json"]}
    children[DIGESTS] = children[DIGESTS] | {"data": data}
    return watched(replace(seen, tenant=replace(seen.tenant, status=old)), children)


@pytest.mark.finding(7)
def test_upgrade() -> None:
    """A tenant of a version without seals keeps its tokens and its volume, and gets seals."""
    seen = rotated(settled(observed()))
    old = of_old(seen)
    planned = make(old)
    assert not planned.faults
    assert accepted(old) == accepted(seen)
    assert objects(planned)[TOKEN[0].name, TOKEN[1]]["data"] == seen.children[TOKEN]["data"]
    done = settled(old)
    assert done.tenant.status.sealed_by == SEALS.id
    assert set(done.tenant.status.objects) == {
        classification.record_name(*which) for which in done.children
    }


@pytest.mark.finding(7)
def test_refused_object_does_not_become_old() -> None:
    """A planted Secret that was rejected once is not taken for an old one later."""
    planted = live(*TOKEN, labels=LABELS) | {"data": {"secretToken": "a25vd24="}}
    seen = watched(observed(), {TOKEN: planted})
    planned = make(seen)
    assert [fault.reason for fault in planned.faults] == ["ForeignOwner"]
    assert planned.token is None
    assert not planned.secrets
    written = tenant_status.build(seen, planned, planned.faults, NOW)
    assert written.condition("TokenReady").reason == "ForeignOwner"  # type: ignore[union-attr]
    again = watched(replace(seen, tenant=replace(seen.tenant, status=written)), {TOKEN: planted})
    assert [fault.reason for fault in make(again).faults] == ["ForeignOwner"]
    assert not again.tenant.status.objects


@pytest.mark.finding(6, 7)
@pytest.mark.parametrize(
    "which",
    [DIGESTS, VOLUME, (CONFIG_MAP, "contoso-scim-config"), (NETWORK_POLICY, "contoso-scim")],
    ids=["digests", "volume", "configuration", "policy"],
)
def test_no_pod_on_foreign_objects(which: tuple[Kind, str]) -> None:
    """No pod is started while an object that it mounts is not the tenant's."""
    seen = watched(observed(), {which: live(*which, labels=LABELS)})
    planned = make(seen)
    assert [fault.reason for fault in planned.faults] == ["ForeignOwner"]
    assert DEPLOYMENT not in [wanted.kind for wanted in planned.objects]
    assert which[1] not in [wanted.name for wanted in planned.objects if wanted.kind is which[0]]
    assert planned.halts == (which == DIGESTS)


@pytest.mark.finding(7)
def test_no_pod_without_digests() -> None:
    """Without digests of the operator there is no Deployment that could mount others."""
    seen = watched(observed(), {TOKEN: live(*TOKEN, labels=LABELS)})
    assert DEPLOYMENT not in [wanted.kind for wanted in make(seen).objects]


@pytest.mark.finding(6)
def test_adopted_object() -> None:
    """An adopted object is written, recorded and reported once, and its content is trusted."""
    token = "a token that was there before, of some length"
    secret = live(*TOKEN, labels=LABELS, annotations=ADOPTABLE) | {
        "data": {"secretToken": base64.b64encode(token.encode()).decode()}
    }
    seen = watched(replace(observed(), tenant=tenant(adopt="1")), {TOKEN: secret})
    planned = make(seen)
    assert planned.adopted == ("Secret/contoso-scim-token",)
    assert planned.token
    assert planned.token.stored.token == token
    # One that could not be written is not in the record: its content would count no longer.
    unwritten = tenant_status.build(seen, planned, [], NOW)
    assert not unwritten.objects
    after = applied(seen, planned)
    written = tenant_status.build(after, planned, [], NOW)
    assert "ObjectAdopted" in [event.reason for event in derive(UNSEEN, written, planned, [])]
    assert not make(replace(after, tenant=replace(after.tenant, status=written))).adopted


UNSEEN = tenant().status


def test_other_labelled_objects() -> None:
    """An object with the label and another name is ignored."""
    mine = (SECRET, "mine")
    foreign = live(*mine, labels=LABELS, ownerReferences=owner("ExternalSecret", "mine", "3"))
    seen = watched(observed(), {mine: foreign})
    assert not make(seen).faults
    assert mine not in seen.children


def test_what_is_sealed() -> None:
    """Exactly the kinds of a tenant's Secrets and volume are sealed."""
    wanted = make(observed())
    carried = {
        each.kind
        for each in (*wanted.secrets, *wanted.objects)
        if "scim-operator.io/seal" in each.object["metadata"]["annotations"]
    }
    assert carried == set(SEALED)
