"""The staff's pages about members in the Wagtail admin."""
