"""From what people said to an immutable dataset version; `pipeline.py` tells the story."""
