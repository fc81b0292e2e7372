"""The HTTP API: all routes but those that describe it."""
