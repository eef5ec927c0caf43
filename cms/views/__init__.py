"""What the hub answers beyond Wagtail's own pages."""
