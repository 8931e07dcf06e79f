"""The conditions of a tenant. Each module decides one of them and returns it as a finding.

Law: no I/O. A module reads the observed state, the plan and `problems`, and no other condition;
`summary` is given the findings of the others.
"""
