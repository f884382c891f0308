"""What a commit names, and its bytes; how the workspace differs from it; which are released."""
