"""Amazon as a channel, by the Selling Partner API."""
