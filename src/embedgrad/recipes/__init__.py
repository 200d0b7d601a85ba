"""Settings files that ship."""
