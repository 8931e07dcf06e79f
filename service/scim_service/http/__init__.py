"""HTTP: what a request is, in terms of SCIM, and what its answer looks like."""
