"""Decides what a tenant should have: objects, tokens, URL and rollout, from what was observed.

Law: no I/O and no clock of the system; a time is a parameter. Functions take frozen values and
return frozen values. The only state is what no observation shows: who has set a field how often
(`drift`), which URL is claimed (`urls`), and how far each tenant is (`rollout`).
"""
