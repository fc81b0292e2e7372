"""The API's description: an OpenAPI document from the code's own models, and a page to read and try it."""
