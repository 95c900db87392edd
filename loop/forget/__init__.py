"""Forgetting a person: found, erased, marked, proven."""
