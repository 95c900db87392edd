"""The whole loop on the bundled handbook, with simulated people: `ratchet demo`."""
