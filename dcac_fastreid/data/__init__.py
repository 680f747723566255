"""Data sets: where they lie, and loaders that the host lacks."""

from dcac_fastreid.data.loaders import build_plain_train_loader, build_test_loader
from dcac_fastreid.data.locations import cache_folder, data_root, use_data_root, weights_path, with_local_weights

__all__ = [
    "build_plain_train_loader",
    "build_test_loader",
    "cache_folder",
    "data_root",
    "use_data_root",
    "weights_path",
    "with_local_weights",
]
