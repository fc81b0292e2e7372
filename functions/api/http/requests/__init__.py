"""What clients send, as pydantic models, a module a noun."""
