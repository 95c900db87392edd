"""May the candidate replace the champion, and the change of champion itself."""
