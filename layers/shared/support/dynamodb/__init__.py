"""DynamoDB: its requests, and what counts as a response of it."""
