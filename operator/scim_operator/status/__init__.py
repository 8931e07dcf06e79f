"""What is so: conditions, events and metrics of a tenant.

Law: no I/O. It reads what the controller observed and what `desired` decided.
"""
