"""The HTTP API. `app` has the route table on one screen; one file a resource; `problems` says every error."""
