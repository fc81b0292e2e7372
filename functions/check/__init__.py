"""What checks the API as its customers use it: the part that both callers share."""
