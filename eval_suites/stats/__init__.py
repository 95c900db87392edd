"""Decision statistics on scipy and numpy alone: pure functions from numbers to named results."""
