"""The screens, by name."""

from __future__ import annotations

from importlib import import_module

from tui.screens.base import BookScreen

SCREENS = {
    "queue": ("tui.screens.queue", "QueueScreen"),
    "history": ("tui.screens.history", "HistoryScreen"),
    "channels": ("tui.screens.connections", "ChannelsScreen"),
    "suppliers": ("tui.screens.connections", "SuppliersScreen"),
    "mappings": ("tui.screens.mappings", "MappingsScreen"),
    "jobs": ("tui.screens.jobs", "JobsScreen"),
}
"""Where each is; loaded when it is first opened, so that the queue is there at once."""


def make(name: str) -> BookScreen:
    """A new screen of this name."""
    module, kind = SCREENS[name]
    screen: BookScreen = getattr(import_module(module), kind)()
    return screen
