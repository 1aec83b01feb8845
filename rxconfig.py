"""Reflex looks for its configuration here; what it is, ``webui.config`` knows."""

from webui.config import make_config

config = make_config()
