"""AWS over HTTP: requests that botocore signs and urllib3 sends."""
