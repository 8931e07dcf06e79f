"""Tenant URLs: how one is derived, which ones a tenant may name, and which tenant has claimed one.

Law: no I/O. `claims.Register` alone has state; the controller stores its claims as ConfigMaps.
"""
