"""Whole resources in canonical form: how they are validated, replaced and compared.

Only canonical resources are stored. What depends on the operations of a PATCH belongs to `patch`,
and what depends on other rows, such as members and groups, to the store.
"""
