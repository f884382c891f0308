"""Score every row there is, partition by partition: the least that evaluating all of it takes."""

from kit.base import FEATURES, partitions, read
from kit.learn import feature_names, load_model, predict
from kit.params import Data
from params import Params

model, data = load_model(), Params.load(Data)
for name in partitions(FEATURES):
    frame = read(FEATURES / f"{name}.parquet")
    predict(model, frame[feature_names(frame, data)])
