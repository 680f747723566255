"""The search as a page in a browser on this machine."""
