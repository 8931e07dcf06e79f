"""What the plugin says instead of a result, without a traceback."""

from __future__ import annotations

import click


class ClusterError(click.ClickException):
    """What was asked for cannot be had; the message says why and what to do."""


class MissingError(ClusterError):
    """There is no such object."""


class ForbiddenError(ClusterError):
    """The user lacks a right."""
