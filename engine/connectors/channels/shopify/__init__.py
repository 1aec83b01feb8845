"""The Shopify channel: orders from and fulfillments to a store's Admin API."""
