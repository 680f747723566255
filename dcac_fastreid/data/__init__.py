"""Data sets: where they lie, what is in them, and the loaders that a run reads."""

from dcac_fastreid.data.checks.check_batches import brings_pairs, check_sampler
from dcac_fastreid.data.checks.check_datasets import check_datasets
from dcac_fastreid.data.checks.corrupt import unreadable_images
from dcac_fastreid.data.checks.leakage import check_leakage
from dcac_fastreid.data.checks.point_to_check_data import point_to_check_data
from dcac_fastreid.data.checks.test_split import check_test_split
from dcac_fastreid.data.file_hashes import file_hashes
from dcac_fastreid.data.images import read_image, upright_rgb
from dcac_fastreid.data.loading.epoch_sampler import EpochSampler
from dcac_fastreid.data.loading.held_out import held_out
from dcac_fastreid.data.loading.loaders import (
    build_plain_train_loader,
    build_test_loader,
    build_train_loader,
    build_validation_loaders,
)
from dcac_fastreid.data.loading.pixel_storage import available_memory
from dcac_fastreid.data.loading.transforms import test_size, test_transforms, train_transforms
from dcac_fastreid.data.locations import (
    cache_folder,
    data_root,
    shipped_weights,
    synthetic_data_is_there,
    synthetic_versions,
    use_data_root,
    weights_path,
    with_local_weights,
)
from dcac_fastreid.data.readers import dg_datasets, person_folders  # noqa: F401  # registers DG_Market1501, PersonFolders and others
from dcac_fastreid.data.readers.description import describe_dataset, describe_synthetic

__all__ = [
    "EpochSampler",
    "available_memory",
    "brings_pairs",
    "build_plain_train_loader",
    "build_test_loader",
    "build_train_loader",
    "build_validation_loaders",
    "cache_folder",
    "check_datasets",
    "check_leakage",
    "check_sampler",
    "check_test_split",
    "data_root",
    "describe_dataset",
    "describe_synthetic",
    "file_hashes",
    "held_out",
    "read_image",
    "point_to_check_data",
    "shipped_weights",
    "synthetic_data_is_there",
    "synthetic_versions",
    "test_size",
    "test_transforms",
    "train_transforms",
    "unreadable_images",
    "upright_rgb",
    "use_data_root",
    "weights_path",
    "with_local_weights",
]
