"""The web app: Order History, audit trails and settings for managers, on Reflex over the engine's services."""
