"""The pipeline that Kedro runs. The split is not in the catalog, so it stays in memory."""

from kedro.pipeline import Pipeline, node

from flow import nodes


def register_pipelines() -> dict[str, Pipeline]:
    def params(*names: str) -> list[str]:
        return [f"params:{name}" for name in names]

    steps = [
        node(nodes.ingest, params("ingest"), ["flights", "weather", "airports"]),
        node(nodes.prepare, ["flights", "weather", "airports", *params("prepare")], "prepared"),
        node(nodes.featurize, ["prepared", *params("featurize")], "features"),
        node(nodes.splits, ["features", *params("split", "data")], "rows"),
        node(nodes.train, ["rows", *params("train", "data")], "model"),
        node(
            nodes.evaluate,
            ["model", "rows", *params("evaluate", "data")],
            ["metrics", "table", "predictions"],
        ),
        node(nodes.explain, ["model", "rows", "predictions", *params("explain", "data")], "plots"),
    ]
    return {"__default__": Pipeline(steps)}
