module scim-operator.io/tests/cluster/prometheus-operator

go 1.26.0

// For its CRDs; nothing is built from it.
require github.com/prometheus-operator/prometheus-operator v0.85.0
