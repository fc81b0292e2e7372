"""Code that the functions of the customer-support backend share."""
