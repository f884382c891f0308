"""What the stages share; the template's, so an update of the template may change it.

Each part is a folder that dvc.yaml names as one dependency: base for every stage, learn for what
fits or reads a model, report for what measures one, serve for what uses one after the pipeline.
A part imports those before it; params only refuses values, so no stage but its own depends on it.
"""
