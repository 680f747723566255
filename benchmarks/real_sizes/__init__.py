"""What benchmarks/real_size.py is made of: data sets of the real counts, names and sizes, and a measured start of a training."""
