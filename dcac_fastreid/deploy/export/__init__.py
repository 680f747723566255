"""From a checkpoint to files that run without this package."""
