"""The pages of the Wagtail admin that look after the directory."""
