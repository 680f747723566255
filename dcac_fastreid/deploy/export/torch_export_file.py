"""An exported program as the content of a .pt2 file, which torch.export.load reads without this package."""

import io
import json
from collections.abc import Callable, Mapping

import torch
from torch import Tensor

METADATA = "metadata.json"  # a file inside of the file: torch.export.load(path, extra_files={METADATA: ""}) gives it


def torch_export_content(program: torch.export.ExportedProgram, metadata: Mapping[str, str]) -> bytes:
    stream = io.BytesIO()
    torch.export.save(program, stream, extra_files={METADATA: json.dumps(metadata, indent=2)})
    return stream.getvalue()


def torch_export_runner(content: bytes) -> Callable[[Tensor], Tensor]:
    """Reads the content again and runs it: (B, 3, H, W) to (B, D)."""
    return torch.export.load(io.BytesIO(content)).module()
