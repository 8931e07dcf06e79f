"""What the Entra administrator does in the portal to connect a tenant. Pure.

Sources: Microsoft's "Develop and plan provisioning for a SCIM endpoint in Microsoft Entra ID" and
"Customize user provisioning attribute mappings in Microsoft Entra ID".
"""

from __future__ import annotations

from scim_operator.api.v1alpha1.provisioning import Provisioning

MAIL = 'emails[type eq "work"].value'
"""The SCIM attribute that Entra's source attribute mail is mapped to."""

SCOPE = "Sync only assigned users and groups"


def steps(wanted: Provisioning) -> list[str]:
    """Return the steps in their order."""
    required = ", ".join(wanted.required_attributes)
    refused = f"; this tenant refuses users without a value for {required}" if required else ""
    limit = f"; at most {wanted.max_users} of them can be active here" if wanted.max_users else ""
    return [
        (
            "https://entra.microsoft.com, Enterprise applications: open the customer's application "
            "(none yet: New application, Create your own application, Non-gallery)"
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
        f"Users and groups: assign those who are to have access{limit}",
        (
            "Overview, Start provisioning: the first cycle begins within minutes, further ones "
            "follow every 40 minutes"
        ),
    ]
