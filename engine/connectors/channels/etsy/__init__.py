"""The Etsy channel: receipts from and tracking to Etsy's Open API v3."""
