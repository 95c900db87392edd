"""The embedded default model: its weights, and the recipe that made them."""
