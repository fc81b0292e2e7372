"""AWS over HTTP: requests that are signed here and that urllib3 sends."""
