"""A synthetic data set of people and cameras, and small pre-trained parts: DCAC without data sets, weights or a GPU."""
