"""Values and their stored forms, a module a noun."""
