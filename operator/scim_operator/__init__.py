"""The operator: reconciles ScimTenant resources into one SCIM service per tenant."""

__version__ = "0.1.0"
