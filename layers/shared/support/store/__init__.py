"""Stores of values in the table, one module per noun."""
