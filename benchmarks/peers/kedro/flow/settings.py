"""Kedro's defaults; it wants the file."""
