"""From a question to a cited answer, with everything about it recorded."""
