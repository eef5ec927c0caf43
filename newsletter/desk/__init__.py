"""The editors' desk: the pages about issues in the Wagtail admin. Each file holds the pages of one piece of work."""
