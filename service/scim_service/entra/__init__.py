"""Microsoft Entra ID's dialect, put into standard form before the protocol core sees it.

Each habit of Entra's provisioning service is one small function that names its source; a tenant
with the ``strict`` profile goes past this package. What a habit asks for beyond a change of the
body is the ``lenient`` argument of the protocol core's functions: unknown attributes and schema
URNs are left out and told, a value filter that selects nothing creates the element it describes, a
remove may list values, a filter may have literals without quotes, and there may be no operations.

`dialect` goes through bodies and operations, `names` finds the attribute that a name means, and
`values` gives each value the shape and the type of its attribute. Other clients' habits are here
too where Entra's administrators meet them; their sources are beside them.

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

from scim_service.entra.dialect import normalise_patch, normalise_resource

__all__ = ["normalise_patch", "normalise_resource"]
