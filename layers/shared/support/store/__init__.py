"""Where values are kept: a module a noun."""
