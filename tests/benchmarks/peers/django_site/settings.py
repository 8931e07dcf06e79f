"""django-scim2 as its documentation shows it, with a user model that has SCIM's columns."""

import os

SECRET_KEY = "of-a-benchmark-only"
ALLOWED_HOSTS = ["127.0.0.1"]
ROOT_URLCONF = "urls"
USE_TZ = True
APPEND_SLASH = False
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django_scim",
    "directory",
]
MIDDLEWARE = ["directory.bearer.authenticate", "django_scim.middleware.SCIMAuthCheckMiddleware"]
AUTH_USER_MODEL = "directory.User"
# The tables are made from the models at once.
MIGRATION_MODULES = {"auth": None, "contenttypes": None}
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": os.environ["PEER_DATABASE"],
        "USER": "scim",
        "PASSWORD": "unused",
        "HOST": "127.0.0.1",
        "PORT": os.environ["PEER_DATABASE_PORT"],
        # Django's own pool; without one each request would connect anew.
        "CONN_MAX_AGE": None,
    }
}
SCIM_SERVICE_PROVIDER = {
    "NETLOC": "127.0.0.1",
    "SCHEME": "http",
    "AUTHENTICATION_SCHEMES": [
        {"type": "oauthbearertoken", "name": "Bearer", "description": "A bearer token"}
    ],
    "GROUP_MODEL": "directory.models.Group",
}
