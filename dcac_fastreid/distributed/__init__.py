"""Several processes that train as one: how they join, what they share of a batch, and whether they still agree."""
