"""The users and groups of one tenant: how they are stored, locked, changed and found.

Law: a store writes a resource, its search form, its counter and its line of the log in one
transaction. A `Change` that a use case passes in runs inside of that transaction, on the locked
resource: it may raise a ScimError and must not await. The stores know rules by name (a maximum of
active users, unique group names), not the profile that a tenant has chosen.
"""
