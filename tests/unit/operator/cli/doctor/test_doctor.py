"""What the doctor concludes, and whom it sends to work."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from scim_operator.api.service_status import ServiceStatus, SkippedAttribute, Writes
from scim_operator.api.tenant import Tenant
from scim_operator.cli.doctor.checks import By, Check, Outcome, ok, unknown
from scim_operator.cli.doctor.doctor import examine
from scim_operator.cli.doctor.facts import Contents, Facts, Handshakes, Unknown
from scim_operator.timestamps import format_timestamp

from tests.unit.operator.sample import NOW, body

ID = "k3v9q2aa"
NOW_TEXT = format_timestamp(NOW)
POD = {
    "metadata": {"name": "contoso-scim-1", "creationTimestamp": "2026-11-25T08:00:00Z"},
    "status": {
        "conditions": [{"type": "Ready", "status": "True"}],
        "containerStatuses": [
            {"name": "scim", "ready": True, "restartCount": 2, "state": {"running": {}}}
        ],
    },
}
REPORT = ServiceStatus(
    users=3,
    active_users=2,
    groups=1,
    last_request=NOW - timedelta(minutes=12),
    failures={},
    skipped_attributes=(),
    members_dropped=0,
)


def tenant(
    spec: dict[str, Any] | None = None,
    *,
    counts: dict[str, int] | None = None,
    conditions: dict[str, str] | None = None,
    seen: int = 1,
    accepted: list[dict[str, Any]] | None = None,
    annotations: dict[str, str] | None = None,
) -> Tenant:
    """A tenant with a status; conditions are reasons, with a ! before those that are not met,
    and a ? before those of which that is not known.
    """
    found = {"TokenReady": "Issued", "Available": "Serving", "Exposed": "Ingress"}
    made = body(spec=spec, annotations=annotations)
    made["status"] = {
        "observedGeneration": seen,
        "tenantURL": "https://scim.example.com/contoso/scim",
        "conditions": [
            {
                "type": kind,
                "status": {"!": "False", "?": "Unknown"}.get(reason[0], "True"),
                "reason": reason.strip("!?"),
                "message": f"about {kind}",
                "lastTransitionTime": NOW_TEXT,
            }
            for kind, reason in (found | (conditions or {})).items()
        ],
        **(counts or {}),
        "tokens": [{"id": ID, "createdAt": NOW_TEXT, "lastUsed": NOW_TEXT}]
        if accepted is None
        else accepted,
    }
    return Tenant.parse(made)


HANDSHAKES = Handshakes(
    "scim.example.com", not_after=NOW + timedelta(days=60), suite="ECDHE-RSA-AES128-GCM-SHA256"
)
FACTS = Facts(
    tenant=tenant(),
    now=NOW,
    pods=[POD],
    token_id=ID,
    report=REPORT,
    connection=[ok("connection", ""), ok("user query", "")],
    handshakes=HANDSHAKES,
    contents=Contents(without_mail=0),
)


def skipping(reason: str) -> ServiceStatus:
    """A report of an attribute that is left out."""
    skipped = SkippedAttribute(
        resource_type="User", attribute="costCentreOld", reason=reason, requests=12
    )
    return REPORT.model_copy(update={"skipped_attributes": (skipped,)})


def check(name: str, facts: Facts) -> Check:
    """The check of a name; the others must not be disturbed."""
    found = {each.name: each for each in examine(facts)}
    others = {each.name: each for each in examine(FACTS)}
    for each in found.values():
        if each.name != name and each.name in others:
            assert each.outcome is others[each.name].outcome, each
    return found[name]


def test_healthy() -> None:
    """Where nothing is wrong nothing is found, and every question was asked."""
    found = examine(FACTS)
    assert [each.name for each in found] == [
        *(
            "operator",
            "TokenReady",
            "Available",
            "Exposed",
            "pods",
            "token",
            "connection",
            "user query",
        ),
        *("TLS", "certificate", "traffic", "quarantine", "attributes", "members"),
        *("licences", "scope", "mail"),
    ]
    assert {each.outcome for each in found} == {Outcome.OK}


@pytest.mark.parametrize(
    ("name", "facts", "by", "words"),
    [
        (
            "operator",
            replace(FACTS, tenant=tenant(seen=0)),
            By.SRE,
            "has not taken up the newest spec",
        ),
        (
            "Exposed",
            replace(FACTS, tenant=tenant(conditions={"Exposed": "!URLConflict"})),
            By.SRE,
            "False: URLConflict",
        ),
        ("pods", replace(FACTS, pods=[]), By.SRE, "0 of 1 ready"),
        (
            "token",
            replace(FACTS, token_id=None),
            By.SRE,
            "not among those that the service accepts",
        ),
        (
            "token",
            replace(
                FACTS,
                tenant=tenant(
                    accepted=[
                        {
                            "id": ID,
                            "createdAt": format_timestamp(NOW - timedelta(days=90)),
                            "notAfter": format_timestamp(NOW - timedelta(hours=1)),
                        }
                    ]
                ),
            ),
            By.SRE,
            "has expired",
        ),
        (
            "TLS",
            replace(FACTS, handshakes=replace(HANDSHAKES, suite=None)),
            By.SRE,
            "does not agree on TLS 1.2",
        ),
        (
            "traffic",
            replace(FACTS, report=REPORT.model_copy(update={"last_request": None})),
            By.ENTRA,
            "no request has arrived yet",
        ),
        (
            "traffic",
            replace(
                FACTS,
                report=REPORT.model_copy(update={"last_request": NOW - timedelta(minutes=80)}),
            ),
            By.ENTRA,
            "80 min ago",
        ),
        (
            "quarantine",
            replace(
                FACTS,
                report=REPORT.model_copy(
                    update={"failures": {"uniqueness": 3, "invalidValue": 2600}}
                ),
            ),
            By.ENTRA,
            "2603 requests were refused within a day: invalidValue 2600, uniqueness 3",
        ),
        (
            "quarantine",
            replace(
                FACTS,
                report=REPORT.model_copy(
                    update={
                        "failures": {"invalidValue": 30},
                        "writes": Writes(refused=30),
                    }
                ),
            ),
            By.ENTRA,
            "so many that users are missing",
        ),
        (
            "licences",
            replace(FACTS, tenant=tenant({"provisioning": {"maxUsers": 2}})),
            By.ENTRA,
            "2 of 2 active users",
        ),
        (
            "user ada",
            replace(FACTS, user="ada"),
            By.ENTRA,
            "there is no user with this userName",
        ),
        (
            "user ada",
            replace(
                FACTS,
                user="ada",
                contents=Contents(0, {"userName": "ada", "active": False}),
            ),
            By.ENTRA,
            "inactive",
        ),
    ],
)
def test_problem(name: str, facts: Facts, by: By, words: str) -> None:
    """Each fault is found by the one check that it belongs to, with a remedy for the right one."""
    found = check(name, facts)
    assert (found.outcome, found.by) == (Outcome.PROBLEM, by)
    assert words in found.message
    assert found.remedy


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (62, "that names scim.example.com"),
        (10, "renew it"),
        (66, "RSA key of 2048 bits"),
        (20, "serve the intermediate certificates"),
        (18, "no private authority"),
        (1, "what the ingress or gateway serves"),
    ],
)
def test_certificate(code: int, words: str) -> None:
    """What is wrong with the certificate decides what to do."""
    refused = replace(HANDSHAKES, distrust="as OpenSSL says it", code=code)
    found = check("certificate", replace(FACTS, handshakes=refused))
    assert found.outcome is Outcome.PROBLEM
    assert "as OpenSSL says it" in found.message
    assert words in found.remedy


@pytest.mark.parametrize(
    ("name", "facts", "words"),
    [
        (
            "operator",
            replace(FACTS, tenant=tenant(annotations={"scim-operator.io/paused": "true"})),
            "scim-operator.io/paused",
        ),
        (
            "Available",
            replace(
                FACTS,
                tenant=tenant({"suspended": True}, conditions={"Available": "!Suspended"}),
                pods=[],
            ),
            "set spec.suspended to false",
        ),
        (
            "token",
            replace(
                FACTS,
                tenant=tenant(
                    accepted=[
                        {"id": "0ld", "createdAt": NOW_TEXT, "lastUsed": NOW_TEXT},
                        {"id": ID, "createdAt": NOW_TEXT},
                    ]
                ),
            ),
            "paste the new one",
        ),
        (
            "certificate",
            replace(
                FACTS,
                handshakes=replace(HANDSHAKES, not_after=NOW + timedelta(days=13)),
            ),
            "renew it",
        ),
        (
            "quarantine",
            replace(FACTS, report=REPORT.model_copy(update={"failures": {"invalidValue": 1}})),
            "kubectl scim activity contoso --failures",
        ),
        ("attributes", replace(FACTS, report=skipping("unknown")), "under Mappings"),
        ("attributes", replace(FACTS, report=skipping("readOnly")), "under Mappings"),
        (
            "members",
            replace(FACTS, report=REPORT.model_copy(update={"members_dropped": 118})),
            "kubectl scim activity contoso: members(-N)",
        ),
        (
            "scope",
            replace(FACTS, report=REPORT.model_copy(update={"groups": 0})),
            "Provision Microsoft Entra ID Groups",
        ),
        ("mail", replace(FACTS, contents=Contents(2)), 'emails[type eq "work"].value'),
        (
            "user ada",
            replace(FACTS, user="ada", contents=Contents(0, {"userName": "ada"})),
            'emails[type eq "work"].value',
        ),
    ],
)
def test_warning(name: str, facts: Facts, words: str) -> None:
    """What works but should not stay so is no failure, and has a remedy all the same."""
    found = check(name, facts)
    assert found.outcome is Outcome.WARNING
    assert words in found.remedy


def test_what_was_left_out() -> None:
    """Each attribute is named, with the reason and how often."""
    found = check("attributes", replace(FACTS, report=skipping("unknown")))
    assert "costCentreOld of User (not known here, requests: 12)" in found.message


def test_an_older_service() -> None:
    """What a service of an earlier version does not tell is not called well."""
    older = REPORT.model_validate(REPORT.model_dump(exclude={"skipped_attributes"}))
    found = {each.name: each for each in examine(replace(FACTS, report=older))}
    assert found["attributes"].outcome is Outcome.UNKNOWN
    assert found["members"].outcome is Outcome.OK


def test_wrong_token() -> None:
    """Silence with refused tokens is told from mere silence: the remedy is another."""
    report = REPORT.model_copy(update={"last_request": None, "unauthenticated": 4})
    found = {each.name: each for each in examine(replace(FACTS, report=report))}
    assert "without an accepted token" in found["traffic"].message
    assert "restart provisioning" in found["traffic"].remedy


WHY = Unknown("you may not list pods")
BLIND = replace(
    FACTS, pods=WHY, token_id=WHY, report=WHY, connection=WHY, handshakes=WHY, contents=WHY
)


def test_unknown() -> None:
    """What cannot be looked at is said with the reason, and is neither well nor a problem."""
    blind = replace(BLIND, tenant=tenant(conditions={"Available": "?Unknown"}, accepted=[]))
    found = [each for each in examine(replace(blind, user="ada")) if each.message == WHY]
    assert [each.name for each in found] == [
        *("pods", "token", "connection", "certificate", "traffic", "quarantine"),
        *("attributes", "members", "licences", "scope", "mail", "user ada"),
    ]
    assert {each.outcome for each in found} == {Outcome.UNKNOWN}


def blind(reason: str, **counts: int) -> dict[str, Check]:
    """The checks of one who sees nothing but the tenant, whose Provisioning is so."""
    spec = {"provisioning": {"maxUsers": 9}}
    seen = tenant(spec, conditions={"Provisioning": reason}, counts=counts)
    return {each.name: each for each in examine(replace(BLIND, tenant=seen))}


@pytest.mark.parametrize(
    ("reason", "traffic", "quarantine"),
    [
        ("Active", Outcome.OK, Outcome.OK),
        ("PartlyRefused", Outcome.OK, Outcome.WARNING),
        ("!QuarantineRisk", Outcome.OK, Outcome.PROBLEM),
        ("!MostlyRefused", Outcome.OK, Outcome.PROBLEM),
        ("!UserLimitReached", Outcome.OK, Outcome.UNKNOWN),
        ("!Silent", Outcome.PROBLEM, Outcome.UNKNOWN),
        ("!Unauthorized", Outcome.PROBLEM, Outcome.UNKNOWN),
        ("?WaitingForEntra", Outcome.PROBLEM, Outcome.UNKNOWN),
        ("?Unreachable", Outcome.UNKNOWN, Outcome.UNKNOWN),
    ],
)
def test_what_the_status_answers(reason: str, traffic: Outcome, quarantine: Outcome) -> None:
    """Who may look at the tenant only has what its status says for an answer."""
    found = blind(reason, users=3, activeUsers=2, groups=1)
    assert (found["traffic"].outcome, found["quarantine"].outcome) == (traffic, quarantine)
    assert found["licences"].message == "2 of 9 active users"
    assert found["scope"].message == "3 users and 1 groups"
    assert (found["pods"].outcome, found["token"].outcome) == (Outcome.OK, Outcome.OK)
    assert blind(reason, users=9, activeUsers=9, groups=1)["licences"].outcome is Outcome.PROBLEM


@pytest.mark.parametrize(
    ("reason", "outcome", "by"),
    [
        ("Active", Outcome.OK, None),
        ("PartlyRefused", Outcome.WARNING, By.ENTRA),
        ("!Silent", Outcome.PROBLEM, By.ENTRA),
        ("!ServiceProblem", Outcome.PROBLEM, By.SRE),
        ("!MostlyRefused", Outcome.PROBLEM, By.ENTRA),
        ("?WaitingForEntra", Outcome.PROBLEM, By.ENTRA),
        ("?Unreachable", Outcome.UNKNOWN, None),
        ("?Suspended", Outcome.WARNING, By.SRE),
    ],
)
def test_provisioning(reason: str, outcome: Outcome, by: By | None) -> None:
    """The condition Provisioning is shown, with who can do something about it."""
    seen = replace(FACTS, tenant=tenant(conditions={"Provisioning": reason}), report=WHY)
    (found,) = (each for each in examine(seen) if each.name == "Provisioning")
    assert (found.outcome, found.by) == (outcome, by)
    assert "about Provisioning" in found.message + found.remedy


def test_provisioning_as_it_is_now() -> None:
    """What the service says now counts before a condition that is older."""
    seen = replace(FACTS, tenant=tenant(conditions={"Provisioning": "?WaitingForEntra"}))
    assert check("Provisioning", seen).outcome is Outcome.OK
    full = tenant({"provisioning": {"maxUsers": 2}}, conditions={"Provisioning": "Active"})
    found = {each.name: each for each in examine(replace(FACTS, tenant=full))}
    assert found["Provisioning"].message == "False: UserLimitReached"


def test_a_reason_that_nothing_else_says() -> None:
    """A summary is shown where no other condition has its reason, once."""
    failing = {"Ready": "!InvalidSpec", "Stalled": "InvalidSpec", "Reconciling": "!Settled"}
    found = check("operator", replace(FACTS, tenant=tenant(conditions=failing)))
    assert (found.outcome, found.message) == (Outcome.PROBLEM, "InvalidSpec")
    waiting = tenant(conditions={"Ready": "!URLPending"})
    assert check("Ready", replace(FACTS, tenant=waiting)).message == "False: URLPending"
    told = tenant(conditions={"Available": "!CrashLoop", "Ready": "!CrashLoop"})
    names = [each.name for each in examine(replace(FACTS, tenant=told))]
    assert "Ready" not in names


def test_a_condition_of_later() -> None:
    """A condition that is there only while something is wrong is shown, whatever its name."""
    seen = replace(FACTS, tenant=tenant(conditions={"FieldConflict": "OtherManager"}))
    assert check("FieldConflict", seen).outcome is Outcome.WARNING


@pytest.mark.parametrize(
    "connection",
    [
        Unknown("no pod of team-a/contoso is ready"),
        [ok("connection", ""), unknown("user query", "no pod of team-a/contoso is ready")],
    ],
)
def test_no_proof_of_the_token(connection: Any) -> None:
    """A token that nothing has answered to is not called accepted."""
    found = {each.name: each for each in examine(replace(FACTS, connection=connection))}
    assert found["token"].outcome is Outcome.UNKNOWN
    assert "whether the service accepts it" in found["token"].message


def test_a_crashing_pod() -> None:
    """The pod's own complaint becomes the remedy."""
    pod = {
        "metadata": {"name": "contoso-scim-1", "creationTimestamp": "2026-11-25T08:00:00Z"},
        "status": {
            "containerStatuses": [
                {
                    "name": "scim",
                    "restartCount": 7,
                    "state": {"waiting": {"reason": "CrashLoopBackOff"}},
                    "lastState": {"terminated": {"reason": "OOMKilled", "exitCode": 137}},
                }
            ]
        },
    }
    found = check("pods", replace(FACTS, pods=[pod]))
    assert found.message == "0 of 1 ready, 7 restarts: OutOfMemory"
    assert "spec.resources.limits.memory" in found.remedy
