"""All that this package registers with fast-reid: backbone, meta-architectures, losses, conditioners and data sets."""

from dcac_fastreid import conditioners, config, data, dcac, engine, losses, reid  # noqa: F401
