"""The steps of the Entra administrator in the portal to connect a tenant.

Sources: Microsoft's "Develop and plan provisioning for a SCIM endpoint in Microsoft Entra ID" and
"Customize user provisioning attribute mappings in Microsoft Entra ID".
"""

from __future__ import annotations

from scim_operator.api.v1alpha1.provisioning import Provisioning

MAIL = 'emails[type eq "work"].value'
"""The SCIM attribute to which Entra's source attribute mail is mapped."""

SCOPE = "Sync only assigned users and groups"


def list_steps(provisioning: Provisioning) -> list[str]:
    """Return the steps in their order."""
    required = ", ".join(provisioning.required_attributes)
    refused = f"; this tenant refuses users without a value for {required}" if required else ""
    most = provisioning.max_users
    limit = f"; at most {most} of them can be active here" if most else ""
    return [
        (
            "https://entra.microsoft.com, Enterprise applications: open the customer's application "
            "(if there is none: New application, Create your own application, Non-gallery)"
        ),
        (
            "Provisioning, New configuration (or Get started, Automatic): paste Tenant URL and "
            "Secret Token, press Test Connection, and save"
        ),
        (
            "Mappings, Provision Microsoft Entra ID Users: map the source attribute mail to "
            f"{MAIL}{refused}"
        ),
        f"Settings, Scope: {SCOPE}",
        f"Users and groups: assign the users and groups that need access{limit}",
        (
            "Overview, Start provisioning: the first cycle begins within minutes, and further ones "
            "follow every 40 minutes"
        ),
    ]
