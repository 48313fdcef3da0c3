"""Requests and answers of the REST interface. Know nothing of how they are carried out."""
