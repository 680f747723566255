"""Trained encoders in use: features, search in a gallery, export. Nothing here needs training data or Stable Diffusion."""

from dcac_fastreid.deploy.encoder import Encoder, load_encoder
from dcac_fastreid.deploy.extractor import FeatureExtractor

__all__ = ["Encoder", "FeatureExtractor", "load_encoder"]
