"""DynamoDB: requests, and validated responses."""
