"""The page in the browser, and the HTTP API that it uses."""
