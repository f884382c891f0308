"""A state back, proven: fetch or rebuild, a clone to work in, the move, the proof."""
