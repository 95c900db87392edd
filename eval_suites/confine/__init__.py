"""What the sandbox is made of: the program inside it, the kernel filter, the watch from outside."""
