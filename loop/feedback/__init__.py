"""What people say about answers: logged, checked, queued for review, and how far raters agree."""
