"""How a new pod template reaches many tenants: a bounded number of them at a time.

Law: no I/O and no clock. `decisions.Rollout` alone has state: which tenant is how far.
"""
