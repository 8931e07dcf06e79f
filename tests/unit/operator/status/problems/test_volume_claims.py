"""Problems of a volume claim: a missing StorageClass, and a volume that is not there yet."""

from __future__ import annotations

from scim_operator.api.conditions import Outlook
from scim_operator.status.problems import volume_claims

METADATA = {"name": "contoso-scim-data", "namespace": "team-a"}
PENDING = {"metadata": METADATA, "status": {"phase": "Pending"}}


def test_a_missing_storage_class() -> None:
    """A claim whose class does not exist is stalled, and the message names the class."""
    finding = volume_claims.find_problem(PENDING, "there is no StorageClass fast")
    assert finding
    assert (finding.reason, finding.outlook) == ("StorageClassMissing", Outlook.STALLED)
    assert finding.message.startswith(
        "the PersistentVolumeClaim contoso-scim-data cannot be bound: there is no StorageClass fast"
    )


def test_a_pending_claim() -> None:
    """A claim that waits for its volume is in progress."""
    finding = volume_claims.find_problem(PENDING, None)
    assert finding
    assert (finding.reason, finding.outlook) == ("VolumePending", Outlook.PROGRESSING)
    assert "kubectl describe pvc -n team-a contoso-scim-data" in finding.message


def test_no_problem() -> None:
    """A bound claim has no problem; neither has a tenant on PostgreSQL, which has no claim."""
    assert volume_claims.find_problem(PENDING | {"status": {"phase": "Bound"}}, None) is None
    assert volume_claims.find_problem(None, None) is None
