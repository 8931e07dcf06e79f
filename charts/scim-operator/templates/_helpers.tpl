{{- define "scim-operator.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "scim-operator.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- else if contains (include "scim-operator.name" .) .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "scim-operator.name" .) | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* The full name with a suffix, cut so that it can name a Service. Call with (list . "suffix"). */}}
{{- define "scim-operator.suffixed" -}}
{{- $suffix := printf "-%s" (index . 1) -}}
{{- $fullname := include "scim-operator.fullname" (index . 0) -}}
{{- printf "%s%s" ($fullname | trunc (int (sub 63 (len $suffix))) | trimSuffix "-") $suffix -}}
{{- end -}}

{{/* Names what belongs to the whole cluster: two releases of one name in two namespaces have it twice. */}}
{{- define "scim-operator.clusterName" -}}
{{- printf "%s-%s" (include "scim-operator.fullname" .) .Release.Namespace -}}
{{- end -}}

{{/* Fails where a section of values is missing: `--reuse-values` keeps the values of an older chart, without the new ones. */}}
{{- define "scim-operator.checkValues" -}}
{{- $sections := list "image" "service" "service.image" "tenants" "tenants.allow" "exposure" "tenantNetworkPolicies" "tuning" "log"
  "crds" "serviceAccount" "rbac" "admissionPolicy" "podDisruptionBudget" "networkPolicy" "networkPolicy.egress" "metrics"
  "metrics.serviceMonitor" "metrics.podMonitor" "metrics.prometheusRule" "metrics.dashboard" }}
{{- range $section := $sections }}
{{- $found := $.Values }}
{{- range splitList "." $section }}
{{- $found = get $found . }}
{{- if not (kindIs "map" $found) }}
{{- fail (printf "the values have no section %s: they are those of an older release (--reuse-values). Upgrade with --reset-then-reuse-values instead" $section) }}
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{/* Fails where a CRD in the cluster is another release's, or kubectl's: Helm's own message does not say what to do.
     Call with (list . $crd), the CRD as it is in the cluster. */}}
{{- define "scim-operator.checkOwner" -}}
{{- $root := index . 0 -}}
{{- with index . 1 -}}
{{- $release := get (.metadata.annotations | default dict) "meta.helm.sh/release-name" -}}
{{- $namespace := get (.metadata.annotations | default dict) "meta.helm.sh/release-namespace" -}}
{{- $owner := "" -}}
{{- if and $release (ne (printf "%s/%s" $namespace $release) (printf "%s/%s" $root.Release.Namespace $root.Release.Name)) -}}
{{- $owner = printf "the release %s in namespace %s" $release $namespace -}}
{{- else if not $release -}}
{{- $owner = "no release" -}}
{{- end -}}
{{- range .metadata.managedFields -}}
{{- if and (ne .manager "helm") (dig "f:spec" "f:versions" "" (.fieldsV1 | default dict) | toString) -}}
{{- $owner = $owner | default .manager -}}
{{- end -}}
{{- end -}}
{{- if $owner -}}
{{- $managed := dict "manager" "helm" "operation" "Apply" "apiVersion" "apiextensions.k8s.io/v1" "fieldsType" "FieldsV1" "fieldsV1" (dict "f:spec" (dict "f:scope" dict)) -}}
{{- $annotations := dict "meta.helm.sh/release-name" $root.Release.Name "meta.helm.sh/release-namespace" $root.Release.Namespace -}}
{{- $metadata := dict "labels" (dict "app.kubernetes.io/managed-by" "Helm") "annotations" $annotations "managedFields" (list $managed) -}}
{{- fail (printf "the CRD %s belongs to %s. Leave it there with --set crds.install=false, or hand it to this release with: kubectl patch crd %s --type=merge -p '%s'" .metadata.name $owner .metadata.name (toJson (dict "metadata" $metadata))) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "scim-operator.selectorLabels" -}}
app.kubernetes.io/name: {{ include "scim-operator.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "scim-operator.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{ include "scim-operator.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/component: operator
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "scim-operator.serviceAccountName" -}}
{{- default (ternary (include "scim-operator.fullname" .) "default" .Values.serviceAccount.create) .Values.serviceAccount.name -}}
{{- end -}}

{{/* An image as repository:tag, or repository@digest. Call with (list . $image). */}}
{{- define "scim-operator.image" -}}
{{- $root := index . 0 -}}
{{- $image := index . 1 -}}
{{- if $image.digest -}}
{{- printf "%s@%s" $image.repository $image.digest -}}
{{- else -}}
{{- printf "%s:%s" $image.repository (default $root.Chart.AppVersion $image.tag) -}}
{{- end -}}
{{- end -}}

{{/* What the operator needs in every namespace it serves; the same as RIGHTS in scim_operator/settings.py. */}}
{{- define "scim-operator.rules" }}
  - apiGroups: ["scim-operator.io"]
    resources: ["scimtenants"]
    # Patched for one annotation, by which a backup tells that a tenant has served.
    verbs: ["get", "list", "watch", "patch"]
  - apiGroups: ["scim-operator.io"]
    resources: ["scimtenants/status"]
    verbs: ["patch"]
  # For ownerReferences with blockOwnerDeletion where that admission check is on (OpenShift).
  - apiGroups: ["scim-operator.io"]
    resources: ["scimtenants/finalizers"]
    verbs: ["update"]
  - apiGroups: [""]
    resources: ["configmaps", "persistentvolumeclaims", "secrets", "services"]
    verbs: ["get", "list", "watch", "create", "patch", "delete"]
  - apiGroups: [""]
    resources: ["pods"]
    verbs: ["get", "list", "watch"]
  - apiGroups: [""]
    resources: ["events"]
    verbs: ["create", "list"]
  - apiGroups: ["apps"]
    resources: ["deployments"]
    verbs: ["get", "list", "watch", "create", "patch", "delete"]
  # Whether a pod is the tenant's own: its ReplicaSet must be the Deployment's.
  - apiGroups: ["apps"]
    resources: ["replicasets"]
    verbs: ["get"]
  - apiGroups: ["networking.k8s.io"]
    resources: ["ingresses", "networkpolicies"]
    verbs: ["get", "list", "watch", "create", "patch", "delete"]
  - apiGroups: ["policy"]
    resources: ["poddisruptionbudgets"]
    verbs: ["get", "list", "watch", "create", "patch", "delete"]
  - apiGroups: ["gateway.networking.k8s.io"]
    resources: ["httproutes"]
    verbs: ["get", "list", "watch", "create", "patch", "delete"]
{{- end }}

{{- define "scim-operator.subject" }}
  - kind: ServiceAccount
    name: {{ include "scim-operator.serviceAccountName" . }}
    namespace: {{ .Release.Namespace }}
{{- end }}

{{- define "scim-operator.isOperator" -}}
- name: is-the-operator
  expression: request.userInfo.username == 'system:serviceaccount:{{ .Release.Namespace }}:{{ include "scim-operator.serviceAccountName" . }}'
{{- end -}}

{{/* Not empty on OpenShift, which gives pods their user and groups. */}}
{{- define "scim-operator.isOpenShift" -}}
{{- $platform := default "auto" .Values.platform -}}
{{- $has := .Capabilities.APIVersions.Has "security.openshift.io/v1/SecurityContextConstraints" -}}
{{- if or (eq $platform "openshift") (and (eq $platform "auto") $has) -}}true{{- end -}}
{{- end -}}

{{/* A number or text as an environment variable has it: a large number without an exponent. */}}
{{- define "scim-operator.text" -}}
{{- if kindIs "float64" . }}{{ toJson . }}{{ else }}{{ toString . }}{{ end -}}
{{- end -}}

{{/* Labels of the pod of `helm test`, which the operator's own do not select. */}}
{{- define "scim-operator.testLabels" -}}
app.kubernetes.io/name: {{ include "scim-operator.name" . }}-test
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}
