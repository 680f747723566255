"""Files of weights: reading tensors, and running nothing that the file says."""

from dcac_fastreid.tensor_files.read import is_torchscript, read_metadata, read_state_dict, read_tensor_file
from dcac_fastreid.tensor_files.usable import are_named, check_tensors, check_weights

__all__ = [
    "are_named",
    "check_tensors",
    "check_weights",
    "is_torchscript",
    "read_metadata",
    "read_state_dict",
    "read_tensor_file",
]
