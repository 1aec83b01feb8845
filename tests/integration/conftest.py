"""The scene of ``tests.support.scene`` and the home folder of ``tests.support.office`` for every test here that asks for them."""

from tests.support.office import home, office_home, run
from tests.support.scene import scene, scene_of_module, url_of_module

__all__ = ["home", "office_home", "run", "scene", "scene_of_module", "url_of_module"]
