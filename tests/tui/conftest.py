"""The scene of ``tests.support.scene`` for every test here that asks for it."""

from tests.support.scene import scene, scene_of_module, url_of_module

__all__ = ["scene", "scene_of_module", "url_of_module"]
