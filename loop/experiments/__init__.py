"""A/B tests on people: who sees which arm, what it shows so far, when to stop."""
