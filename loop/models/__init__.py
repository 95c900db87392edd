"""Models that write answers, here or behind an endpoint, and the registry of their adapters."""
