"""The routes, one file per area of the API."""
