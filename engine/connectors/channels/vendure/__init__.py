"""The Vendure channel: orders from and tracking to a Vendure store's Admin API."""
