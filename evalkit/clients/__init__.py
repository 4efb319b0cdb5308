"""Clients: one file per kind of endpoint."""

DEFAULT_KEY_ENV = "OPENAI_API_KEY"
