"""Files of weights: reading tensors, and running nothing that the file says."""

from dcac_fastreid.tensor_files.read import is_torchscript, read_metadata, read_state_dict, read_tensor_file

__all__ = ["is_torchscript", "read_metadata", "read_state_dict", "read_tensor_file"]
