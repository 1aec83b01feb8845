"""Suppliers with a JSON API: purchase orders over HTTP, shaped by saved JMESPath mappings."""
