"""The loop: observe, plan, apply, report. All asynchronous tasks start here.

Law: `desired` and `status` make the decisions; this package carries them out. `observe` reads,
`records` and `apply` write, `reconciler` combines them for one tenant, `operator` for the process.
"""
