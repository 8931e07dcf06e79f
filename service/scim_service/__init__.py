"""The service: one tenant's SCIM 2.0 endpoint for Microsoft Entra ID provisioning."""

__version__ = "0.1.0"
