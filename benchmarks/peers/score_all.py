"""Score every row there is, partition by partition: the least that evaluating all of it takes."""

import params
from labels import predict
from models import feature_names, load
from partitions import partitions, read
from split import FEATURES

model, data = load(), params.load(params.Data)
for name in partitions(FEATURES):
    frame = read(FEATURES / f"{name}.parquet")
    predict(model, frame[feature_names(frame, data)])
