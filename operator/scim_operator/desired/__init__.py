"""What a tenant should have: objects, tokens, URLs, owners, differences.

Law: no I/O and no clock. Functions take frozen values and return frozen values.
"""
