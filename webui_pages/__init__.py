"""The UI: pages over the REST API. Knows no other part of the service."""
