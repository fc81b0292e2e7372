"""POST /v1/conversations: opens a customer-support conversation."""
