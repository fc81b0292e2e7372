"""The function that checks the API every five minutes, through its public address."""
