"""The function behind the WebSocket API."""
