"""Ways to hand a message over: files, SMTP, or a mail provider's API."""
