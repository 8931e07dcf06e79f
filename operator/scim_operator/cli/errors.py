"""Errors that the plugin prints without a traceback."""

from __future__ import annotations

import click


class ClusterError(click.ClickException):
    """A request cannot be fulfilled; the message says why and what to do."""


class MissingError(ClusterError):
    """The object does not exist."""


class ForbiddenError(ClusterError):
    """The user lacks a right."""
