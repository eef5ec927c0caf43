"""What the pre-flight looks at. Each file holds one family of checks, and its `look` yields Findings."""
