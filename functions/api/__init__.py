"""The HTTP API: all routes except those of its documentation."""
