"""``kubectl scim``, the plugin for people who run tenants or connect them to Microsoft Entra ID.

``commands`` has one file a command; ``cluster`` talks to the API server and to tenants; ``doctor``
judges facts that it has collected before. This package may import the rest of the operator's code
only where that does no I/O, and nothing of the operator imports it: the plugin is a distribution
of its own (``plugin/``), and the operator's image lacks its packages.
"""
