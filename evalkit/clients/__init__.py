"""Clients: one file per kind of endpoint."""
