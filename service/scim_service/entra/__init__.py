"""Microsoft Entra ID's dialect: each habit of Entra's is one function or one value here.

Each names its source. Everything that Entra does otherwise than the RFCs belongs here and nowhere
else: `bodies` and `patches` put requests into standard form before the protocol core sees them,
with the help of `names` (which attribute a name means) and `values` (the shape and the type of a
value); `leniencies` names what the core overlooks; `urls` corrects paths; `mappings` knows Entra's
attribute mappings for error messages. `dialects` puts these together for the profile ``entra``, and
has the profile ``strict`` without them. Other clients' habits are here too where Entra's
administrators meet them. This package performs no I/O and knows neither HTTP nor SQL.

Sources
-------
tutorial
    https://learn.microsoft.com/entra/identity/app-provisioning/use-scim-to-provision-users-and-groups
compatibility
    https://learn.microsoft.com/entra/identity/app-provisioning/application-provisioning-config-problem-scim-compatibility
attributes
    https://learn.microsoft.com/entra/identity/app-provisioning/customize-application-attributes
gallery tests
    https://github.com/AzureAD/SCIMReferenceCode, SCIM-Validation-Test-Overview.md
collection
    https://github.com/AzureAD/SCIMReferenceCode, PostmanCollection.json
"""

from scim_service.entra.bodies import normalise_resource
from scim_service.entra.patches import normalise_patch

__all__ = ["normalise_patch", "normalise_resource"]
