"""What maintainers run by hand: ``python -m scripts.states``, ``scripts.picture``, ``scripts.migration``."""
