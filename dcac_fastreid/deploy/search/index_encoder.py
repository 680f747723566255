"""Is an encoder the one that an index, or a calibration, was made with? And where is that?"""

from pathlib import Path

from dcac_fastreid.deploy.encoder import Identity, same_encoder
from dcac_fastreid.deploy.extractor import FeatureExtractor
from dcac_fastreid.deploy.search.feature_folder import FeatureFolder, index_command
from dcac_fastreid.errors import InputError


def encoder_of(
    index: FeatureFolder, checkpoint: str | Path | None, config_file: str | Path | None, device: str | None
) -> FeatureExtractor:
    """The encoder that an index was made with.

    Args: index: with its folder and content, as a Gallery also has them.

    Raises: InputError: it is no longer where it was and no other place is named, or it is another.
    """
    if checkpoint is None:
        checkpoint, config_file = index.content["checkpoint_file"], config_file or index.content["config_file"]
        if not Path(checkpoint).is_file():
            raise InputError(
                f"the index {index.folder} was made with {checkpoint}, which is gone; name it by --checkpoint"
            )
    extract = FeatureExtractor(checkpoint, device, precision=index.content["precision"], config_file=config_file)
    check_same_encoder(
        index.content["encoder"],
        extract.encoder.identity(),
        f"the index {index.folder}",
        f"name the checkpoint that it was made with by --checkpoint, or make it again: {index_command(index.folder)}",
    )
    return extract


def check_same_encoder(stored: Identity, encoder: Identity, what: str, next_step: str) -> None:
    """Raises InputError where features or figures are of another encoder than the one at hand; a file may be renamed."""
    if not same_encoder(stored, encoder):
        raise InputError(
            f"{what} was made with {stored['checkpoint']} (sha256 {stored['sha256'][:8]}), this is {encoder['checkpoint']} "
            f"(sha256 {encoder['sha256'][:8]}) or its config is another; {next_step}"
        )
