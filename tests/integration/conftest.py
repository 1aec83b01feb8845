"""The scene of ``tests.support.scene``, the home folder of ``tests.support.office`` and the server of ``tests.support.receiver``
for every test here that asks for them."""

from tests.support.bulk import filled, filled_postgres, filled_sqlite
from tests.support.office import home, office_home, run
from tests.support.receiver import ear, receiver, receiver_beside
from tests.support.scene import scene, scene_of_module, url_of_module

__all__ = [
    "ear", "filled", "filled_postgres", "filled_sqlite", "home", "office_home", "receiver", "receiver_beside", "run", "scene",
    "scene_of_module", "url_of_module",
]  # fmt: skip
