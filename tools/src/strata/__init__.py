"""What people do with versions. It knows the pipeline only through dvc.yaml and params.yaml."""

__version__ = "0.1.0"
