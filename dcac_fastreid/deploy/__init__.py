"""Trained encoders in use: features, search in a gallery, export. Nothing here needs training data or Stable Diffusion."""

from dcac_fastreid.lazy_names import lazy_names

# Public name -> the module that has it, imported when it is first used: which encoder a name means is told without PyTorch.
_PUBLIC = {"Encoder": "encoder", "FeatureExtractor": "extractor", "open_encoder": "encoder"}
__all__, __getattr__ = lazy_names(__name__, _PUBLIC)
