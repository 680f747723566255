"""The card of a folder of small pre-trained parts: how they were made, what they are, how good they are."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from dcac_fastreid.errors import InputError
from dcac_fastreid.output_files import write_whole
from dcac_fastreid.synthetic import parts, quality
from dcac_fastreid.synthetic.pretraining import PARTS, SOURCES, UNSEEN, UNSEEN_SEED, Web

CARD, SAMPLES, BACK = "card.json", "sampled.png", "reconstructed.png"
COMMAND = "python tools/pretrain_parts.py --seed {seed} --device {device}"
SAMPLING = {"seed": 0, "steps": 50, "guidance": 3.0}
ASKED = (
    "a woman in a red plain shirt and black trousers",
    "a man in a white striped shirt and denim shorts with no hat in the snow",
    "a woman in a yellow plain shirt and purple skirt with backpack seen from behind",
    "a man in a black checked shirt with long sleeves and khaki trousers on a beach",
    "a woman in a pink dotted shirt and white skirt with red hat at a party",
    "a man in a green plain shirt and navy trousers with handbag in the mountains",
)


def write_card(folder: Path, cache_folder: Path, versions: Mapping) -> str:
    """Measures the parts of a folder on a web that they have not seen; writes and returns the card, a JSON object.

    Beside it: `sampled.png`, pictures made of the captions that the card names, where the U-Net reads captions, and
    `reconstructed.png`, unseen pictures above what the VAE gives back.

    Args:
        versions: of the libraries and the commit that measure, as engine/versions.py tells them.
    Raises: InputError: the U-Net has learned from another CLIP or VAE than lies there.
    """
    records = {name: json.loads((folder / f"{name}.training.json").read_text()) for name in PARTS}
    hashes = {name: parts.fingerprint(name, folder) for name in PARTS}
    if records["unet"].get(SOURCES) != {name: hashes[name] for name in ("clip", "vae")}:
        raise InputError(
            f"the U-Net in {folder} has learned from another CLIP or VAE than lies there, says {SOURCES} of "
            "unet.training.json; train it again with tools/pretrain_parts.py --parts unet"
        )
    web = Web(cache_folder, UNSEEN, UNSEEN_SEED)
    clip, vae, unet = parts.load_clip(folder), parts.load_vae(folder), parts.load_unet(folder)
    condition = records["unet"].get("condition", "text")
    (folder / SAMPLES).unlink(missing_ok=True)  # of an earlier U-Net
    if condition == "text":
        quality.sampled(unet, vae, clip, ASKED, **SAMPLING).save(folder / SAMPLES)
    quality.reconstructed(vae, web, 12).save(folder / BACK)
    card = {
        "training": {name: {"command": _command(record), **record} for name, record in records.items()},
        "versions": dict(versions),
        "quality": {
            "pictures": f"{UNSEEN} of web seed {UNSEEN_SEED}, unseen in training",
            "clip_zero_shot": quality.zero_shot(clip, web),
            "vae": quality.reconstruction(vae, web),
            "unet_noise_error": quality.noise_errors(unet, vae, clip, web, condition),
        },
        "sampled": {"captions": ASKED, "sampler": "DDIM", **SAMPLING} if condition == "text" else {},
        "bytes": sum((folder / file).stat().st_size for file in parts.FILES.values()),
        "sha256": {parts.FILES[name]: hashes[name] for name in PARTS},
    }
    text = json.dumps(_rounded(card), indent=2) + "\n"
    write_whole(folder / CARD, lambda stream: stream.write(text.encode()))
    return text


def _command(record: Mapping) -> str:
    return COMMAND.format(**record) + " --condition image" * (record.get("condition") == "image")


def _rounded(value):
    """Measured numbers to four digits: a card is read."""
    if isinstance(value, dict):
        return {key: _rounded(inner) for key, inner in value.items()}
    return float(f"{value:.4g}") if isinstance(value, float) else value
