"""Adapters × suites → scores: cached by case, resumable, every case kept."""
