"""A BigCommerce store as a channel."""
