"""The Medusa channel: orders from and tracking to a Medusa store's Admin API."""
