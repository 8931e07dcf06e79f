"""``kubectl scim``: the plugin for those who run tenants and connect them to Microsoft Entra ID.

``commands`` is the command line; ``cluster`` talks to the API server and ``channel`` to a tenant;
``doctor`` draws its conclusions from gathered facts alone. Nothing of the operator imports from
here, and its image lacks these packages: the plugin is a distribution of its own (``plugin/``).
"""
