"""The bridge: from the Re-ID model's output to the denoiser's condition. Chosen by MODEL.DCAC.CONDITIONER.NAME."""

from dcac_fastreid.conditioners.class_wise import ClassWiseConditioner
from dcac_fastreid.conditioners.conditioner import Conditioner
from dcac_fastreid.conditioners.correlation_aware import CorrelationAwareConditioner
from dcac_fastreid.conditioners.image_embedding import ImageEmbeddingConditioner
from dcac_fastreid.conditioners.instance_wise import InstanceWiseConditioner
from dcac_fastreid.conditioners.projected import ProjectedConditioner, TwoTokenConditioner
from dcac_fastreid.conditioners.registry import CONDITIONER_REGISTRY, build_conditioner, check_conditioner

__all__ = [
    "CONDITIONER_REGISTRY",
    "ClassWiseConditioner",
    "Conditioner",
    "CorrelationAwareConditioner",
    "ImageEmbeddingConditioner",
    "InstanceWiseConditioner",
    "ProjectedConditioner",
    "TwoTokenConditioner",
    "build_conditioner",
    "check_conditioner",
]
