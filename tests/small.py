"""What makes the demo small enough to test: three months of it, few trees, few resamples."""

SMALL = {
    "ingest.through": "2013-03",
    "train.hist_gradient_boosting.max_iter": 20,
    "train.random_forest.n_estimators": 5,
    "evaluate.bootstrap_samples": 20,
    "explain.importance_rows": 500,
    "explain.importance_repeats": 1,
}
