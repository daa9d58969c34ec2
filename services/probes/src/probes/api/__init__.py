"""The HTTP API of probes."""
