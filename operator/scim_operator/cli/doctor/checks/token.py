"""The check of the token that Entra sends."""

from __future__ import annotations

from scim_operator.api.v1alpha1.status import TokenStatus
from scim_operator.cli.doctor.check import By, Check, Outcome, ok, problem, unknown, warning
from scim_operator.cli.doctor.facts import USER_QUERY, Facts, Unknown

_NAME = "token"


def check_token(facts: Facts) -> Check:
    """Check that the service accepts the token to paste, and that Entra sends it."""
    accepted = {each.id: each for each in facts.tenant.status.tokens}
    if isinstance(facts.token_id, Unknown):
        return _check_newest_token(facts, facts.token_id)
    current = accepted.get(facts.token_id) if facts.token_id else None
    if current is None:
        return problem(
            _NAME,
            "the service does not accept the token in the Secret",
            "see the condition TokenReady and the operator's log; the operator accepts the token "
            "when it reconciles the tenant next",
            By.SRE,
        )
    if failure := _find_problem(facts, current):
        return failure
    queries = () if isinstance(facts.connection, Unknown) else facts.connection
    if any(each.name == USER_QUERY and each.outcome is Outcome.OK for each in queries):
        return ok(_NAME, f"the service accepts the token {current.id}")
    return unknown(
        _NAME,
        f"the operator has issued the token {current.id}; no response has shown whether the "
        "service accepts it",
    )


def _check_newest_token(facts: Facts, why: Unknown) -> Check:
    """Check the newest token of the status, because the user may not read the Secret."""
    newest = next(reversed(facts.tenant.status.tokens), None)
    if newest is None:
        return unknown(_NAME, why)
    if failure := _find_problem(facts, newest):
        return failure
    if newest.last_used:
        used = f"{newest.last_used:%Y-%m-%d %H:%M}Z"
        return ok(_NAME, f"the newest token {newest.id} was last used on {used}")
    return unknown(_NAME, why)


def _find_problem(facts: Facts, token: TokenStatus) -> Check | None:
    connect = f"kubectl scim connect {facts.tenant.key.name} --show-token"
    if token.not_after and token.not_after <= facts.now:
        return problem(
            _NAME,
            f"the token {token.id} has expired",
            f"kubectl scim rotate {facts.tenant.key.name}, then paste the new token ({connect})",
            By.SRE,
        )
    if token.last_used is None and len(facts.tenant.status.tokens) > 1:
        return warning(
            _NAME,
            f"Entra still sends an older token than {token.id}",
            f"paste the new token ({connect}), press Test Connection and save",
            By.ENTRA,
        )
    return None
