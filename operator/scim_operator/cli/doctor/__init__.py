"""The judgement of ``kubectl scim doctor`` and ``test``: why a tenant is not provisioned.

``collect_facts`` does all I/O of the doctor first and returns `Facts`; ``examine`` and ``checks``
judge them without I/O. ``test_connection`` and ``tls_handshakes`` send requests of their own.
Every check that is not ok says what to do and who can do it; nothing here prints.
"""
