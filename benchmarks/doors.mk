# What works on the template itself: a project with data of its own has none of it.

.PHONY: test-docs pictures bench bench-sweep
test-docs: $(READY) ## run the tour of the README (THOROUGH=1: the other pages)
	@$(TESTED) docs

pictures: $(READY) ## draw the pictures of the documentation, of real runs: five minutes
	@python docs/pictures.py

bench: $(READY) ## measure it all beside other tools, into benchmarks/README.md: half an hour
	@python -m benchmarks

bench-sweep: $(READY) ## the same for sweeps of 24 trials, and of many short ones: an hour
	@python -m benchmarks sweep 24
	@python -m benchmarks flat
