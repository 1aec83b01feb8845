"""How Reflex is set up: the same from a checkout, from a wheel and while the front end is built."""

from __future__ import annotations

import os
from pathlib import Path

import reflex as rx

PACKAGE = Path(__file__).parent
DIST = PACKAGE / "_dist"
"""The front end as it was built; made by ``webui.build``, shipped in the wheel."""


def make_config() -> rx.Config:
    """No telemetry, no badge, no look for updates; states live in the memory of the one process that serves."""
    os.environ.setdefault("REFLEX_CHECK_LATEST_VERSION", "false")
    return rx.Config(
        app_name="webui",
        app_module_import="webui.app",
        telemetry_enabled=False,
        show_built_with_reflex=False,
        state_manager_mode="memory",
        disable_plugins=[rx.plugins.SitemapPlugin],
    )
