"""Tenant URLs: what they are made of, which are allowed, and which tenant has claimed one."""
