"""From a dataset version to an adapter, in a process of its own."""
