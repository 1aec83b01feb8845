"""The eBay channel: orders from and shipping fulfillments to the Sell Fulfillment API."""
