"""Request models in pydantic, one module per noun."""
