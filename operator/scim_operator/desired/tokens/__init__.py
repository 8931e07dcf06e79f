"""The tokens of a tenant: their format, their digests, their rotation, and which Secrets count.

Law: no I/O and no clock. Only `token_format` is random, so no other module generates a secret.
"""
