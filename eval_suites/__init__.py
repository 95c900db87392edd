"""First floor: what good means. It sees an assistant only as a callable from cases to replies."""
