"""All that one tenant needs: configuration, tokens, use cases, activity, limits.

Law: no HTTP, no SQL, nothing of the process. One process can hold several tenants.
"""
