"""The Lambda function that reads the table's stream and publishes events for others."""
