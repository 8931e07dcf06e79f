"""The checks of the tenant's users and groups: licences, scope, mail, and one user."""

from __future__ import annotations

from collections.abc import Iterator

from scim_operator.cli.doctor import entra_portal
from scim_operator.cli.doctor.check import By, Check, ok, problem, unknown, warning
from scim_operator.cli.doctor.facts import Facts, Unknown


def check_licences(facts: Facts) -> Check:
    """Check that the limit of users allows another one."""
    name = "licences"
    active = facts.counts.active_users
    most = facts.tenant.spec.provisioning.max_users
    if active is None:
        return unknown(name, str(facts.service_status))
    if most is None:
        return ok(name, f"{active} active users, without a limit")
    found = f"{active} of {most} active users"
    if active >= most:
        return problem(
            name,
            f"{found}: the service refuses further ones",
            f'set the scope to "{entra_portal.SCOPE}" and assign only users who need access, or '
            "have spec.provisioning.maxUsers raised",
            By.ENTRA,
        )
    return ok(name, found)


def check_scope(facts: Facts) -> Check:
    """Check that Entra provisions both users and groups."""
    name = "scope"
    users, groups = facts.counts.users, facts.counts.groups
    if users is None or groups is None:
        return unknown(name, str(facts.service_status))
    if users and not groups:
        return warning(
            name,
            "Entra provisions users, but no group",
            "if you need groups, assign them to the application and enable Provision Microsoft "
            "Entra ID Groups under Mappings; members of nested groups are not in scope",
            By.ENTRA,
        )
    if not users:
        return warning(
            name,
            "Entra has provisioned no user",
            f'with the scope "{entra_portal.SCOPE}", assign users or groups to the application',
            By.ENTRA,
        )
    return ok(name, f"{users} users and {groups} groups")


def check_mail(facts: Facts) -> Check:
    """Check that mail is mapped."""
    name = "mail"
    found = facts.contents
    if isinstance(found, Unknown):
        return unknown(name, found)
    if not found.without_mail:
        return ok(name, "every active user has an e-mail address")
    return warning(
        name,
        f"{found.without_mail} active users have no e-mail address",
        f"map the source attribute mail to {entra_portal.MAIL}; if it is mapped, these users have "
        "no mail in Entra",
        By.ENTRA,
    )


def check_user(facts: Facts) -> Iterator[Check]:
    """Check that the user that the command names exists, is active and has an address."""
    if facts.user is None:
        return
    name = f"user {facts.user}"
    if isinstance(facts.contents, Unknown):
        yield unknown(name, facts.contents)
        return
    sought = facts.contents.sought
    if sought is None:
        yield problem(
            name,
            "there is no user with this userName or e-mail address",
            "the user is out of scope, or the service refused it: assign it to the application "
            "(directly, or through a group that is assigned itself), check the scoping filter "
            "under Mappings, and use Provision on demand, which names the reason",
            By.ENTRA,
        )
    elif not sought.get("active", True):
        yield problem(
            name,
            "the user exists, but is inactive",
            "it was unassigned, disabled or deleted in Entra: assign or enable it again; the next "
            "cycle activates it here",
            By.ENTRA,
        )
    elif not any(mail.get("value") for mail in sought.get("emails", ())):
        yield warning(
            name,
            "the user exists and is active, but has no e-mail address",
            f"map mail to {entra_portal.MAIL}, or give the user a mail in Entra",
            By.ENTRA,
        )
    else:
        yield ok(name, f"the user exists and is active, as {sought['userName']}")
