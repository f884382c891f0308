"""Write the model as ONNX, for what serves it without scikit-learn: python src/export.py FOLDER

In:  models/model.joblib (see train.py), data/features and data/prepared.
Out: FOLDER/model.onnx, the graph, and model.json, the manifest: see kit/serve/export.py. If no
     graph is equal to the model, model.json says why, and the exit code is 3.
"""

import sys
from pathlib import Path

import schema
from kit.base import Fault, run
from kit.learn import read_splits
from kit.params import Data, Split
from kit.serve import export
from params import Params


def main() -> str:
    if len(sys.argv) != 2:
        raise Fault("name a folder to write to: python src/export.py FOLDER")
    data = Params.load(Data)
    test = read_splits(Params.load(Split), data)["test"]
    return export.main(Path(sys.argv[1]), test, Path("data/prepared"), schema.ROWS, data)


if __name__ == "__main__":
    run("export", main)
