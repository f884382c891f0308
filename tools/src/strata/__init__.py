"""What people do with versions. It knows a pipeline only through DVC's files."""
