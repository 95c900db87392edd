"""Well-known evaluation sets, read from their own files into cases."""
