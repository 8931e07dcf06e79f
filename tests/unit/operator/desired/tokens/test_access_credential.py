"""The credential of the management port: created with the tenant, rotated, only the operator's."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from scim_operator.desired.observed import Observed
from scim_operator.desired.tokens import token_format
from scim_operator.kube.kinds import SECRET, Kind

from tests.unit.operator.sample import NOW, Object, applied, make, objects, observed, watched

ACCESS = (SECRET, "contoso-scim-access")
DIGESTS = (SECRET, "contoso-scim-digests")
FOREIGN = {"kind": "Other", "name": "else", "uid": "x", "controller": True}

pytestmark = pytest.mark.finding("S6")


def credential(seen: Observed) -> str:
    """The credential in its Secret."""
    return base64.b64decode(seen.children[ACCESS]["data"]["token"]).decode()


def accepted(seen: Observed) -> dict[str, str | None]:
    """The digests of accepted credentials, and when each ends."""
    text = base64.b64decode(seen.children[DIGESTS]["data"]["access.json"])
    return {entry["sha256"]: entry["notAfter"] for entry in json.loads(text)["tokens"]}


def passed(seen: Observed, now: datetime = NOW) -> Observed:
    """The observed tenant after a reconcile."""
    return applied(seen, make(seen, now=now))


def changed(seen: Observed, key: tuple[Kind, str], live: Object) -> Observed:
    """The same with one object changed."""
    return replace(seen, children={**seen.children, key: seen.children[key] | live})


def without(seen: Observed, *keys: tuple[Kind, str]) -> Observed:
    """The same with objects gone."""
    left = {key: live for key, live in seen.children.items() if key not in keys}
    return replace(seen, children=left)


def annotated(seen: Observed, **annotations: str) -> Observed:
    """The same with other annotations of the tenant."""
    named = {f"scim-operator.io/{key}": value for key, value in annotations.items()}
    return replace(seen, tenant=observed(None, **named).tenant)


def test_creation() -> None:
    """The first reconcile creates a credential with its own prefix; the pod gets its digest."""
    first = passed(observed())
    assert re.fullmatch(r"scima_[0-9A-Za-z]{49}", credential(first))
    assert accepted(first) == {token_format.hash_token(credential(first)): None}
    deployment = json.dumps(objects(make(first))["Deployment", "contoso-scim"])
    assert '"SCIM_ACCESS_FILE", "value": "/etc/scim/tokens/access.json"' in deployment
    assert "contoso-scim-access" not in deployment


def test_at_rest() -> None:
    """Until it is due nothing is written."""
    first = passed(observed())
    planned = make(first, now=NOW + timedelta(days=24))
    assert all(wanted.is_current for wanted in planned.secrets)
    assert planned.access is not None
    assert planned.access.due is not None
    assert timedelta(days=25) <= planned.access.due - NOW < timedelta(days=35)


@pytest.mark.parametrize("policy", ["Retain", "Delete"])
def test_it_goes_with_the_tenant(policy: str) -> None:
    """The credential is never retained, even if the tokens are."""
    found = objects(make(observed({"deletionPolicy": policy})))["Secret", "contoso-scim-access"]
    (owner,) = found["metadata"]["ownerReferences"]
    assert owner["uid"] == "uid-contoso"


def test_rotation() -> None:
    """An old credential is replaced without waiting for a use, and ends an hour later."""
    first = passed(observed())
    due = make(first).access
    assert due is not None
    assert due.due is not None
    second = passed(first, due.due)
    old, new = (
        token_format.hash_token(credential(first)),
        token_format.hash_token(credential(second)),
    )
    assert new != old
    decided = passed(second, due.due)
    end = (due.due + timedelta(hours=1)).isoformat().replace("+00:00", "Z")
    assert accepted(decided) == {old: end, new: None}
    assert accepted(passed(decided, due.due + timedelta(hours=1))) == {new: None}


def test_tenants_do_not_rotate_together() -> None:
    """Tenants that were created at the same time rotate at different times."""
    seen = observed()
    moments = set()
    for number in range(20):
        tenant = replace(seen.tenant, uid=f"uid-{number}")
        planned = make(replace(seen, tenant=tenant))
        assert planned.access is not None
        moments.add(planned.access.due)
    assert len(moments) > 15


def test_revocation() -> None:
    """The annotation that revokes the tokens revokes the credential, once."""
    first = passed(observed())
    second = passed(annotated(first, **{"revoke-tokens": "leak"}))
    assert accepted(second) == {token_format.hash_token(credential(second)): None}
    assert credential(second) != credential(first)
    assert all(wanted.is_current for wanted in make(second).secrets)


def test_deleted_secret() -> None:
    """Deleting the Secret revokes the credential at once."""
    first = passed(observed())
    second = passed(without(first, ACCESS))
    assert credential(second) != credential(first)
    assert accepted(second) == {token_format.hash_token(credential(second)): None}


def test_lost_digests() -> None:
    """Missing digests are computed from the credential in the Secret."""
    first = passed(observed())
    assert credential(passed(without(first, DIGESTS))) == credential(first)
    data: Object = dict(first.children[DIGESTS]["data"])
    del data["access.json"]
    upgraded = changed(first, DIGESTS, {"data": data})
    assert accepted(passed(upgraded)) == accepted(first)


def test_other_value() -> None:
    """A credential of another client in the Secret is replaced, and never accepted."""
    first = passed(observed())
    planted = base64.b64encode(b"known to whoever wrote it, and long enough").decode()
    second = passed(changed(first, ACCESS, {"data": {"token": planted}}))
    assert credential(second).startswith("scima_")
    assert accepted(second) == {token_format.hash_token(credential(second)): None}


def test_foreign_secret() -> None:
    """A Secret of another controller is reported and left alone; its value is not accepted."""
    first = passed(observed())
    metadata = first.children[ACCESS]["metadata"] | {"ownerReferences": [FOREIGN]}
    planted = changed(without(first, DIGESTS), ACCESS, {"metadata": metadata})
    planned = make(watched(planted, planted.children))
    assert [fault.reason for fault in planned.faults] == ["ForeignOwner"]
    found = objects(planned)
    assert ("Secret", "contoso-scim-access") not in found
    assert found["Secret", "contoso-scim-digests"]["data"].keys() == {"tokens.json"}


def test_refused_secret() -> None:
    """If the credential cannot be written, the digests keep the previous one."""
    first = passed(observed())
    seen = without(first, ACCESS)
    plans = [make(seen), make(seen)]
    kept = [plan.digests_without_access[0].object for plan in plans]
    assert kept[0] == kept[1]
    assert kept[0]["data"] == first.children[DIGESTS]["data"]


def test_without_a_token() -> None:
    """While the owner's Secret is missing, a tenant that serves keeps what it has."""
    owned = base64.b64encode(b"3kf8Qm2Lx9Zr7Tb1Vn5Wc0Yd4Hg6Jp8sRt").decode()
    spec: Object = {"token": {"existingSecret": "mine"}}
    existing: Object = {"metadata": {"name": "mine"}, "data": {"secretToken": owned}}
    first = passed(replace(observed(spec), existing_secret=existing))
    later = passed(without(replace(first, existing_secret=None), ACCESS))
    assert accepted(later) == {token_format.hash_token(credential(later)): None}
    assert (
        later.children[DIGESTS]["data"]["tokens.json"]
        == (first.children[DIGESTS]["data"]["tokens.json"])
    )
    assert make(replace(observed(spec), existing_secret=None)).secrets == ()
