"""Demo channels: each speaks its vendor's protocol on loopback, with what goes wrong on request (``base.ChannelSim``)."""
