"""The use cases: what can be done to the users and groups of a tenant.

Law: a request to an endpoint, a search and an operation of a Bulk request all end here, so a rule
that is kept here holds for each of them. Modules here call the store, the protocol core and Entra's
dialect, and return JSON text and values. They know no HTTP, no SQL and nothing of the process.
"""
