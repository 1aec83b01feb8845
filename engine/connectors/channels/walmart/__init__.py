"""Walmart Marketplace as a channel."""
