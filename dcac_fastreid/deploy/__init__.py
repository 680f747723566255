"""Trained encoders in use: features, search in a gallery, export. Nothing here needs training data or Stable Diffusion."""

from importlib import import_module

# Public name -> the module that has it, imported when it is first used: which encoder a name means is told without PyTorch.
_PUBLIC = {"Encoder": "encoder", "FeatureExtractor": "extractor", "load_encoder": "encoder"}
__all__ = sorted(_PUBLIC)


def __getattr__(name: str):
    if name in _PUBLIC:
        return getattr(import_module(f"{__name__}.{_PUBLIC[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
