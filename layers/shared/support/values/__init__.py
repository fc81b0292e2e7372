"""Values and their stored forms, one module per noun."""
