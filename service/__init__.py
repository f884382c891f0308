"""Serves the model over HTTP: rows in, predictions out, by the code that made the features.

It needs the model as ONNX, src/featurize.py and src/schema.py, and no scikit-learn; docs/serving.md
says how it is run. `requirements.lock` beside this file has its pins.
"""
