"""A model that is released: named, listed, bundled, verified."""
