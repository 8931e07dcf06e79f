"""The status of a tenant: its conditions, its events and its metrics.

Law: no I/O. The package reads what the controller observed and what `desired` planned, and decides
only what to report: `problems` explains objects of the cluster, `conditions` decides one condition
a module, and the modules here assemble the status, the events and the metrics.
"""
