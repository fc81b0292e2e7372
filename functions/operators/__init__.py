"""The operators' function: websites, allowed origins and API keys. It has no route; IAM decides who may invoke it."""
