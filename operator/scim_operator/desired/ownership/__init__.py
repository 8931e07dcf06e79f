"""Decides to which tenant an object belongs, and whether a tenant still has its data and tokens.

Law: no I/O. Only what nobody but the operator can write proves ownership: seals and status.
"""
