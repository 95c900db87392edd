"""The API and the dashboard in one process: what `ratchet up` runs."""
