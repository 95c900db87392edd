"""The store: every row the loop keeps, in one DuckDB file with one writer."""
