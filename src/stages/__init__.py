"""The pipeline, yours to edit: one file a stage, run as ``python -m stages.NAME``."""
