"""Data sets: where they lie, what is in them, and the loaders that a run reads."""

from dcac_fastreid.lazy_names import lazy_names

# Public name -> the module that has it, imported when it is first used: to look at a data set needs no PyTorch.
_PUBLIC = {
    "EpochSampler": "loading.epoch_sampler",
    "available_memory": "memory",
    "brings_pairs": "checks.check_batches",
    "build_plain_train_loader": "loading.loaders",
    "build_test_loader": "loading.loaders",
    "build_train_loader": "loading.loaders",
    "build_validation_loaders": "loading.loaders",
    "cache_folder": "locations",
    "check_datasets": "checks.check_datasets",
    "check_leakage": "checks.leakage",
    "check_sampler": "checks.check_batches",
    "check_test_split": "checks.test_split",
    "data_root": "locations",
    "decode_image": "images",
    "describe_dataset": "readers.description",
    "describe_synthetic": "readers.description",
    "diffusion_views": "loading.kept_pixels",
    "file_hashes": "hashes",
    "file_sha256": "hashes",
    "held_out": "loading.held_out",
    "read_image": "images",
    "read_once": "readers.read_dataset",
    "point_to_check_data": "checks.point_to_check_data",
    "saving_no_hashes": "hashes",
    "shipped_weights": "locations",
    "synthetic_data_is_there": "locations",
    "synthetic_versions": "locations",
    "test_size": "loading.transforms",
    "test_transforms": "loading.transforms",
    "train_transforms": "loading.transforms",
    "training_pixels": "loading.kept_pixels",
    "unreadable_images": "checks.corrupt",
    "upright_rgb": "images",
    "use_data_root": "locations",
    "weights_path": "locations",
    "with_local_weights": "locations",
}
__all__, __getattr__ = lazy_names(__name__, _PUBLIC)
