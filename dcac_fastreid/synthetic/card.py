"""The card of a folder of small pre-trained parts: how they were made, what they are, how good they are."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path

from dcac_fastreid.synthetic import parts, quality
from dcac_fastreid.synthetic.pretraining import PARTS, UNSEEN, UNSEEN_SEED, Web

CARD, SAMPLES, BACK = "card.json", "sampled.png", "reconstructed.png"
COMMAND = "python tools/pretrain_parts.py --output {folder}"
ASKED = (
    "a woman in a red plain shirt and black trousers",
    "a man in a white stripes shirt and denim shorts with no hat in the snow",
    "a woman in a yellow plain shirt and purple skirt with backpack seen from behind",
    "a man in a black checks shirt with long sleeves and khaki trousers on a beach",
    "a woman in a pink dots shirt and white skirt with red hat at a party",
    "a man in a green plain shirt and navy trousers with handbag in the mountains",
)


def write_card(folder: Path, cache_folder: Path) -> str:
    """Measures the parts of a folder on a web that they have not seen; writes and returns the card, a JSON object.

    Beside it: `sampled.png`, pictures made of the captions that the card names, and `reconstructed.png`, unseen pictures
    above what the VAE gives back.
    """
    web = Web(cache_folder, UNSEEN, UNSEEN_SEED)
    clip, vae, unet = parts.load_clip(folder), parts.load_vae(folder), parts.load_unet(folder)
    quality.sampled(unet, vae, clip, ASKED).save(folder / SAMPLES)
    quality.reconstructed(vae, web, 12).save(folder / BACK)
    files = sorted(folder.rglob("*.safetensors"))
    records = {name: folder / f"{name}.training.json" for name in PARTS}
    card = {
        "training": {name: json.loads(record.read_text()) for name, record in records.items()},
        "quality": {
            "pictures": f"{UNSEEN} of web seed {UNSEEN_SEED}, unseen in training",
            "clip_zero_shot": quality.zero_shot(clip, web),
            "vae": quality.reconstruction(vae, web),
            "unet_noise_error": quality.noise_errors(unet, vae, clip, web),
        },
        "sampled": ASKED,
        "bytes": sum(file.stat().st_size for file in files),
        "sha256": {file.relative_to(folder).as_posix(): sha256(file.read_bytes()).hexdigest() for file in files},
    }
    text = json.dumps(_rounded(card), indent=2) + "\n"
    (folder / CARD).write_text(text)
    return text


def _rounded(value):
    """Measured numbers to four digits: a card is read."""
    if isinstance(value, dict):
        return {key: _rounded(inner) for key, inner in value.items()}
    return float(f"{value:.4g}") if isinstance(value, float) else value
