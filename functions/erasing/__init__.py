"""The Lambda function that deletes what is stored of erased conversations."""
