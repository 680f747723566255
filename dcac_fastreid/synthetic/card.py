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

    Beside it: `sampled.png`, images made of the captions that the card names, and `reconstructed.png`, unseen images above
    what the VAE gives back.

    Args:
        versions: of the libraries and the commit that measure, as engine/versions.py tells them.
    Raises: InputError: a U-Net has learned from another CLIP or VAE than lies there.
    """
    records = {name: json.loads((folder / f"{name}.training.json").read_text()) for name in PARTS}
    hashes = {name: parts.fingerprint(name, folder) for name in ("clip", "vae")}
    for name in parts.CONDITION_WIDTHS:
        if records[name].get(SOURCES) != hashes:
            raise InputError(
                f"{name} in {folder} has learned from another CLIP or VAE than lies there, says {SOURCES} of "
                f"{name}.training.json; train it again with tools/pretrain_parts.py --parts {name}"
            )
    web = Web(cache_folder, UNSEEN, UNSEEN_SEED)
    clip, vae = parts.load_clip(folder), parts.load_vae(folder)
    unets = {name: parts.load_unet(name, folder) for name in parts.CONDITION_WIDTHS}
    quality.sampled(unets["unet"], vae, clip, ASKED, **SAMPLING).save(folder / SAMPLES)
    quality.reconstructed(vae, web, 12).save(folder / BACK)
    card = {
        "training": {name: {"command": COMMAND.format(**record), **record} for name, record in records.items()},
        "versions": dict(versions),
        "quality": {
            "pictures": f"{UNSEEN} of web seed {UNSEEN_SEED}, unseen in training",
            "clip_zero_shot": quality.zero_shot(clip, web),
            "vae": quality.reconstruction(vae, web),
            **{f"{name}_noise_error": quality.noise_errors(unet, vae, clip, web, name) for name, unet in unets.items()},
        },
        "sampled": {"captions": ASKED, "sampler": "DDIM", **SAMPLING},
        "bytes": sum((folder / file).stat().st_size for file in parts.FILES.values()),
        "sha256": {file: parts.fingerprint(name, folder) for name, file in parts.FILES.items()},
    }
    text = json.dumps(_rounded(card), indent=2) + "\n"
    write_whole(folder / CARD, lambda stream: stream.write(text.encode()))
    return text


def _rounded(value):
    """Measured numbers to four digits: a card is read."""
    if isinstance(value, dict):
        return {key: _rounded(inner) for key, inner in value.items()}
    return float(f"{value:.4g}") if isinstance(value, float) else value
