"""Faults that the tests must notice: see `table.py` for the faults, `__main__.py` for what is done with them."""
