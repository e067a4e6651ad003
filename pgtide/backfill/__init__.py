"""How a big table is walked: slices of blocks, passes over a slice, batches of a pass."""
