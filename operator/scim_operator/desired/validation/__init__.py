"""Which parts of a spec the operator passes on, and which no pod could run with."""
