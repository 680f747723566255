"""All that this package registers with fast-reid: backbone, meta-architectures, losses, conditioners and data sets."""

from dcac_fastreid import conditioners, config, dcac, engine, losses, reid  # noqa: F401
from dcac_fastreid.data.loading import registered  # noqa: F401
