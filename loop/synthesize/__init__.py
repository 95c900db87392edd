"""Questions and answers made up from documents, each checked and marked as what it is."""
