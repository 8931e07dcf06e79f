"""The Deployment of a tenant's service, within the restricted Pod Security Standard."""

from __future__ import annotations

from typing import Any

from scim_operator.api import names
from scim_operator.api.v1alpha1.database import SecretKey
from scim_operator.api.v1alpha1.pod import MountedVolume, Resources
from scim_operator.desired.objects import config_map
from scim_operator.desired.objects.context import Builder, ObjectContext, build_head
from scim_operator.desired.objects.service import PORT_NAME
from scim_operator.kube.kinds import DEPLOYMENT, Object
from scim_operator.kube.secret_data import ACCESS_FILE, DIGESTS_FILE

_USER = 65532
_CONFIG_FOLDER = "/etc/scim/config"
_TOKENS_FOLDER = "/etc/scim/tokens"
_DATABASE_FOLDER = "/etc/scim/database"
_DATA_FOLDER = "/var/lib/scim"
_URL_FILE = "url"

# Key of a database's Secret: the authority that issued the certificate of the server.
_AUTHORITY_KEY = "ca.crt"


def build(context: ObjectContext) -> Object:
    """Build the Deployment."""
    tenant = context.tenant
    spec = tenant.spec
    return {
        **build_head(DEPLOYMENT),
        "metadata": context.build_metadata(names.workload(tenant.key.name)),
        "spec": {
            "replicas": 0 if spec.suspended else spec.replicas,
            "revisionHistoryLimit": 2,
            # Two pods must never write one SQLite file, however briefly.
            "strategy": {"type": "Recreate"}
            if spec.database.sqlite
            else {
                "type": "RollingUpdate",
                "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1},
            },
            "selector": {"matchLabels": names.selector(tenant.key.name)},
            "template": {
                "metadata": {
                    "labels": dict(spec.pod_labels) | names.pod_labels(tenant.key.name),
                    "annotations": _build_pod_annotations(context),
                },
                "spec": _build_pod(context),
            },
        },
    }


def _build_pod_annotations(context: ObjectContext) -> dict[str, str]:
    annotations = dict(context.tenant.spec.pod_annotations)
    annotations[names.CONFIG_ANNOTATION] = config_map.hash_config(context)
    if context.database_version is not None:
        annotations[names.DATABASE_ANNOTATION] = context.database_version
    return annotations


def _build_pod(context: ObjectContext) -> Object:
    spec = context.tenant.spec
    pod: Object = {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 30,
        "securityContext": _build_security_context(context),
        "containers": [_build_container(context)],
        "volumes": _build_volumes(context),
    }
    pull_secrets = [
        *context.settings.service_image_pull_secrets,
        *(reference.name for reference in spec.image_pull_secrets),
    ]
    optional: Object = {
        "imagePullSecrets": [{"name": name} for name in dict.fromkeys(pull_secrets)],
        "priorityClassName": spec.priority_class_name,
        # A tenant may choose among the nodes that can run the image.
        "nodeSelector": {**spec.node_selector, "kubernetes.io/os": "linux"},
        "tolerations": [
            toleration.model_dump(mode="json", by_alias=True, exclude_none=True)
            for toleration in spec.tolerations
        ],
        "affinity": spec.affinity,
        "topologySpreadConstraints": _build_spread_constraints(context),
    }
    return pod | {key: value for key, value in optional.items() if value}


def _build_security_context(context: ObjectContext) -> Object:
    """Return the pod's security context; a platform that assigns ids rejects others."""
    own = dict.fromkeys(("runAsUser", "runAsGroup", "fsGroup"), _USER)
    asked = context.tenant.spec.security_context
    return {
        "runAsNonRoot": True,
        **({} if context.settings.assigns_ids else own),
        **asked.model_dump(mode="json", by_alias=True, exclude_defaults=True),
        "fsGroupChangePolicy": "OnRootMismatch",
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def _build_spread_constraints(context: ObjectContext) -> list[dict[str, Any]]:
    spec = context.tenant.spec
    if spec.topology_spread_constraints or spec.replicas == 1:
        return list(spec.topology_spread_constraints)
    return [
        {
            "maxSkew": 1,
            "topologyKey": "kubernetes.io/hostname",
            "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": {"matchLabels": names.selector(context.tenant.key.name)},
        }
    ]


def _build_container(context: ObjectContext) -> Object:
    spec = context.tenant.spec
    resources = spec.resources or Resources.model_validate(context.settings.service_resources)
    container: Object = {
        "name": names.CONTAINER,
        "image": context.settings.service_image,
        "imagePullPolicy": context.settings.service_image_pull_policy,
        "ports": [
            {"name": PORT_NAME, "containerPort": names.SCIM_PORT, "protocol": "TCP"},
            {"name": "management", "containerPort": names.MANAGEMENT_PORT, "protocol": "TCP"},
        ],
        "env": [
            {"name": "SCIM_CONFIG_FILE", "value": f"{_CONFIG_FOLDER}/{config_map.FILE}"},
            {"name": "SCIM_TOKENS_FILE", "value": f"{_TOKENS_FOLDER}/{DIGESTS_FILE}"},
            {"name": "SCIM_ACCESS_FILE", "value": f"{_TOKENS_FOLDER}/{ACCESS_FILE}"},
            _build_database_variable(context),
            *_build_trusted_proxies(context),
            *_build_rate_limit(context),
            *(variable.model_dump() for variable in spec.env),
        ],
        "resources": resources.model_dump(mode="json", by_alias=True, exclude_none=True),
        "startupProbe": _build_probe("healthz", period=1, failures=60),
        "readinessProbe": _build_probe("readyz", period=5, failures=3),
        "livenessProbe": _build_probe("healthz", period=10, failures=6),
        # The last log lines of a service that ends with an error then appear in the pod's status.
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [
            {"name": "config", "mountPath": _CONFIG_FOLDER, "readOnly": True},
            {"name": "tokens", "mountPath": _TOKENS_FOLDER, "readOnly": True},
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 (an emptyDir of the pod's own)
            *(
                {"name": f"mnt-{each.name}", "mountPath": f"/mnt/{each.name}", "readOnly": True}
                for each in spec.volumes
            ),
        ],
    }
    if spec.database.sqlite:
        container["volumeMounts"].append({"name": "data", "mountPath": _DATA_FOLDER})
    else:
        container["volumeMounts"].append(
            {"name": "database", "mountPath": _DATABASE_FOLDER, "readOnly": True}
        )
        # Another pod takes over: keep answering until no client sends requests to this one.
        container["lifecycle"] = {"preStop": {"sleep": {"seconds": 5}}}
    return container


def _build_database_variable(context: ObjectContext) -> Object:
    if context.tenant.spec.database.postgres:
        # A file, because more programs can read the environment of a process than its files.
        return {"name": "SCIM_DATABASE_URL_FILE", "value": f"{_DATABASE_FOLDER}/{_URL_FILE}"}
    return {"name": "SCIM_DATABASE_URL", "value": f"sqlite:///{_DATA_FOLDER}/scim.db"}


def _build_rate_limit(context: ObjectContext) -> list[Object]:
    limit = context.tenant.spec.provisioning.rate_limit
    return [{"name": "SCIM_RATE_LIMIT", "value": str(limit)}] if limit else []


def _build_trusted_proxies(context: ObjectContext) -> list[Object]:
    proxies = context.settings.trusted_proxies
    return [{"name": "SCIM_TRUSTED_PROXIES", "value": ",".join(proxies)}] if proxies else []


def _build_probe(page: str, *, period: int, failures: int) -> Object:
    return {
        "httpGet": {"path": f"/-/{page}", "port": "management", "scheme": "HTTP"},
        "periodSeconds": period,
        "failureThreshold": failures,
        "timeoutSeconds": 5,
    }


def _build_volumes(context: ObjectContext) -> list[Object]:
    tenant = context.tenant.key.name
    volumes: list[Object] = [
        {"name": "config", "configMap": {"name": names.config(tenant)}},
        {"name": "tokens", "secret": {"secretName": names.digest_secret(tenant)}},
        {"name": "tmp", "emptyDir": {"sizeLimit": "64Mi"}},
    ]
    if context.tenant.spec.database.sqlite:
        claim = {"claimName": names.volume_claim(tenant)}
        volumes.append({"name": "data", "persistentVolumeClaim": claim})
    if postgres := context.tenant.spec.database.postgres:
        volumes.append(_build_database_volume(postgres.url_from))
    return volumes + [_build_mounted_volume(each) for each in context.tenant.spec.volumes]


def _build_mounted_volume(volume: MountedVolume) -> Object:
    source: Object = (
        {"configMap": {"name": volume.config_map}}
        if volume.config_map
        else {"secret": {"secretName": volume.secret}}
    )
    return {"name": f"mnt-{volume.name}", **source}


def _build_database_volume(url: SecretKey) -> Object:
    """Return the volume with the URL, and with the authority that sslrootcert may name."""
    authority = {"key": _AUTHORITY_KEY, "path": _AUTHORITY_KEY}
    sources: list[Object] = [
        {"name": url.name, "items": [{"key": url.key, "path": _URL_FILE}]},
        {"name": url.name, "items": [authority], "optional": True},
    ]
    return {
        "name": "database",
        # Owned by root and readable by the pod's group.
        "projected": {"defaultMode": 0o440, "sources": [{"secret": each} for each in sources]},
    }


BUILDER = Builder(DEPLOYMENT, names.workload, build)
