"""The Lambda function that looks at files that arrive, leads to them, and deletes them."""
