"""The API's documentation: an OpenAPI document generated from the code's models, and a page to read and try it."""
