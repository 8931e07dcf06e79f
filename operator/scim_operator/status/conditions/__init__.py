"""The conditions of a tenant. Each module decides one of them and returns it as a finding.

Law: a module reads what was observed, planned and found in `problems`; it does not read another
condition, except `summary`, which derives Ready, Reconciling and Stalled from the others.
"""
