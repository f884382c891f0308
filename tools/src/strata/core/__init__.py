"""What all rooms stand on: faults, limits, settings, text for terminals and pages."""
