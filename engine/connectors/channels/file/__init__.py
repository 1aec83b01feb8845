"""Orders from files in a folder, tracking back as CSV."""
