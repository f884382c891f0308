"""The bill of materials of a model, as CycloneDX 1.7 has it (an ML-BOM).

What the model is, how good, and what it was made of: data and packages, each with its hash or
version.
"""

import uuid
from typing import Any

from strata.core.values import is_error
from strata.dvc.revision import Revision
from strata.releases.bundle.manifest import Source
from strata.releases.models.figures import metric_of


def bom(
    revision: Revision, source: Source, predicate: dict[str, Any], files: dict[str, str]
) -> dict[str, Any]:
    """The document, by the manifest's predicate; ``files`` are the bundle's, with SHA-256."""
    name, path = predicate["model"]["name"], predicate["model"]["path"]
    data = [out for out in upstream(revision, path) if out in predicate["data"]]
    packages = libraries(revision)
    version = source.tag.rpartition("@")[2] if "@" in source.tag else source.commit
    model = {
        "type": "machine-learning-model",
        "bom-ref": f"model:{name}",
        "name": name,
        "version": version,
        "modelCard": {
            "modelParameters": {"datasets": [{"ref": f"data:{each}"} for each in data]},
            "quantitativeAnalysis": {"performanceMetrics": performance(revision)},
        },
        "properties": hashes(predicate["model"]),
        "components": [
            {
                "type": "file",
                "bom-ref": f"file:{file}",
                "name": file,
                "hashes": [{"alg": "SHA-256", "content": oid}],
            }
            for file, oid in files.items()
        ],
    }
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.7.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.7",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, f'{source.commit}/{name}')}",
        "version": 1,
        "metadata": {"timestamp": source.date, "component": model},
        "components": [
            *(
                {
                    "type": "data",
                    "bom-ref": f"data:{each}",
                    "name": each,
                    "data": [{"type": "dataset", "name": each}],
                    "properties": hashes(predicate["data"][each]),
                }
                for each in data
            ),
            *packages,
        ],
        "dependencies": [
            {
                "ref": f"model:{name}",
                "dependsOn": [f"data:{each}" for each in data] + [p["bom-ref"] for p in packages],
            }
        ],
    }


def upstream(revision: Revision, path: str) -> list[str]:
    """The paths of all that a path was made of, through all stages, sorted."""
    deps = {out: stage.deps for stage in revision.stages.values() for out in stage.outs}
    output = revision.output(path)
    waiting, sources = [output.path if output else path], set[str]()
    while waiting:
        for dep in deps.get(waiting.pop(), {}):
            holder = revision.output(dep)
            source = holder.path if holder else dep
            if source not in sources:
                sources.add(source)
                waiting.append(source)
    return sorted(sources)


def libraries(revision: Revision) -> list[dict[str, Any]]:
    """The packages that a revision pins, an entry for each version."""
    pins = [
        (name, version)
        for name, versions in sorted(revision.pins.items())
        for version in versions.split(", ")
    ]
    return [
        {
            "type": "library",
            "bom-ref": f"pkg:pypi/{name}@{version}",
            "name": name,
            "version": version,
            "purl": f"pkg:pypi/{name.replace('_', '-')}@{version}",
        }
        for name, version in pins
    ]


def performance(revision: Revision) -> list[dict[str, Any]]:
    """The metrics: ``test.auc`` is the metric auc on the slice test, with its 95% interval."""
    figures = []
    for name in revision.metrics:
        metric = metric_of(revision.metrics, name)
        if metric is None or is_error(name, revision.metrics):
            continue
        part, _, kind = name.rpartition(".")
        figure: dict[str, Any] = {"type": kind, "value": f"{metric.value:.6g}"}
        if part:
            figure["slice"] = part
        if metric.half is not None:
            low, high = (f"{metric.value + side * metric.half:.6g}" for side in (-1, 1))
            figure["confidenceInterval"] = {"lowerBound": low, "upperBound": high}
        figures.append(figure)
    return figures


def hashes(named: dict[str, Any]) -> list[dict[str, str]]:
    """DVC's hash as a property: of a folder it is that of its list of files."""
    return [{"name": f"dvc:{named['kind']}", "value": named["hash"]}] if named["hash"] else []
