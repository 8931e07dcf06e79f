"""The loop: observe, plan, apply, report. All asynchronous tasks start here.

Law: decisions are made in `desired` and `status`; this package carries them out.
"""
