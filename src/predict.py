"""Score rows that came later: a file of rows in, a file of predictions out. No stage runs this.

    python src/predict.py ROWS OUT [--skip-bad]

In:  ROWS, CSV or Parquet, with the columns of schema.ROWS; others are ignored.
Out: OUT, Parquet, in the order of ROWS:
     row                      the number of the row in ROWS, from 1
     the columns of data.key, those that ROWS must have
     the prediction, as in metrics/predictions.parquet
"""

import featurize
import schema
from kit.base import run
from kit.params import Data
from kit.serve import scoring
from params import Params

if __name__ == "__main__":
    run("predict", lambda: scoring.main(schema.ROWS, featurize.of_rows, Params.load(Data)))
