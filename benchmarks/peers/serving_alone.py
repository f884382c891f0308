"""The service as it is, but each request is computed by itself, in a frame of its own."""

import service.__main__
import service.batches

import featurize

del featurize.of_columns
take = service.batches.Batches.__init__
service.batches.Batches.__init__ = lambda self, compute, most: take(self, compute, 0)
service.__main__.main()
