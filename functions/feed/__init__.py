"""The Lambda function that reads the table's stream and tells connected clients what happens."""
