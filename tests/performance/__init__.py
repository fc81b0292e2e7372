"""The benchmark: the function beside three others that answer the same requests."""
