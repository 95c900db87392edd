"""The top floor: pages for people who review, compare, decide and keep watch."""
