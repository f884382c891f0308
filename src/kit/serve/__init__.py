"""A model in use: rows from outside, a file of them scored, the model as ONNX. No stage needs it.

Nothing is imported here, since the service has no scikit-learn.
"""
