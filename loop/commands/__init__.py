"""What each command does with its arguments: call one function of a room, give its outcome."""
