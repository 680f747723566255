"""The predictor that a script finds under the name of fast-reid's."""

from torch import Tensor
from torch.nn import functional

from dcac_fastreid.host_scripts.registered import is_of_a_script
from fastreid.engine.defaults import DefaultPredictor
from fastreid.modeling.meta_arch import META_ARCH_REGISTRY


class ScriptPredictor(DefaultPredictor):
    """Gives features of length 1; of a script's own architecture what its model gives."""

    def __call__(self, image: Tensor) -> Tensor:
        """(B, 3, H, W), RGB in [0, 255], to (B, D) on the CPU."""
        features = super().__call__(image)
        if is_of_a_script(META_ARCH_REGISTRY.get(self.cfg.MODEL.META_ARCHITECTURE)):
            return features
        return functional.normalize(features)
