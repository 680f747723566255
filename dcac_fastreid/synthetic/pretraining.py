"""How the small parts learn, as the real ones did: CLIP by contrast, a VAE, and two U-Nets in its latent space,
one conditioned on captions, one on CLIP's image embedding."""

from __future__ import annotations

import json
import logging
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dcac_fastreid.errors import InputError
from dcac_fastreid.output_files import unfinished_path, write_whole
from dcac_fastreid.synthetic import parts
from dcac_fastreid.synthetic.build_once import build_once
from dcac_fastreid.synthetic.captions import caption, tokenize, traits
from dcac_fastreid.synthetic.web import web_images

WEB_SEED = 0
# Raise it whenever an image of the web or a trait changes, so that an old cache is not taken for the new web.
WEB_VERSION = 2
IMAGES = 40_000
UNSEEN_SEED, UNSEEN = 1, 2_000  # another web, to measure on
SCALE = 100.0  # largest factor of CLIP's cosines, as in CLIP (Radford et al. 2021, Section 2.5)
UNTOLD = 0.1  # share of captions, or embeddings, that a U-Net does not get, as Stable Diffusion's training
KL_WEIGHT = 1e-4  # of the mean KL divergence of a latent, beside the mean absolute error of a pixel
SHIFT = 6  # pixels by which CLIP's images are moved at random
SOURCES = "trained_with_sha256"  # key of a U-Net's record: the CLIP and the VAE that it learned from

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Schedule:
    steps: int
    batch: int
    rate: float  # the highest; it rises over the first 5 % and falls as a cosine


PARTS = {
    "clip": Schedule(4500, 256, 1e-3),
    "vae": Schedule(2500, 32, 1e-3),
    "unet": Schedule(6000, 64, 1e-3),
    "image_unet": Schedule(6000, 64, 1e-3),
}  # in order


class Web:
    """Captioned images of the web in memory; made on first use in the cache folder.

    Args:
        number: of images.
    """

    def __init__(self, cache_folder: Path, number: int, seed: int = WEB_SEED):
        name = f"web-v{WEB_VERSION}-seed{seed}-{number}"
        folder = build_once(cache_folder / name, partial(_render, seed=seed, number=number))
        self.images = np.load(folder / "images.npy")  # (N, 128, 64, 3) uint8
        self.traits = json.loads((folder / "traits.json").read_text())

    def clip_batch(self, indices: np.ndarray, rng: np.random.Generator) -> Tensor:
        """(B, 3, 128, 64) in [-1, 1], moved at random."""
        images = scaled(self.images[indices])
        padded = F.pad(images, (SHIFT,) * 4, mode="replicate")
        moved = [
            image[:, y : y + images.shape[2], x : x + images.shape[3]]
            for image, (y, x) in zip(padded, rng.integers(0, 2 * SHIFT + 1, (len(images), 2)), strict=True)
        ]
        return torch.stack(moved)

    def views(self, indices: np.ndarray) -> Tensor:
        """(B, 3, 64, 64) in [-1, 1]: what the diffusion model sees, squeezed as in DCAC."""
        return view(self.images[indices])

    def tokens(self, indices: np.ndarray, rng: np.random.Generator, untold: float = 0.0) -> Tensor:
        """(B, 32) numbers of the words of captions, each drawn again; a share of them empty."""
        return tokenize(["" if rng.random() < untold else caption(self.traits[index], rng) for index in indices])


def _render(folder: Path, seed: int, number: int) -> None:
    images, said = np.empty((number, 128, 64, 3), np.uint8), []
    for index, web_image in enumerate(web_images(seed, number)):
        images[index] = np.asarray(web_image.image)
        said.append(traits(web_image))
    np.save(folder / "images.npy", images)
    (folder / "traits.json").write_text(json.dumps(said))


def scaled(images: np.ndarray) -> Tensor:
    """(B, H, W, 3) uint8 to (B, 3, H, W) in [-1, 1]."""
    return torch.from_numpy(images).permute(0, 3, 1, 2).float() / 127.5 - 1


def view(images: np.ndarray) -> Tensor:
    """(B, H, W, 3) uint8 to (B, 3, 64, 64) in [-1, 1]."""
    resized = F.interpolate(scaled(images), (parts.VIEW, parts.VIEW), mode="bicubic", antialias=True)
    return resized.clamp(-1, 1)


def train_clip(web: Web, schedule: Schedule, seed: int, device: str):
    """An open_clip CLIP whose towers agree on images and captions: symmetric cross-entropy of a batch's cosines."""
    model = parts.new_clip(seed).to(device).train()
    contrast = parts.contrastive_loss()

    def loss(indices, rng):
        images, tokens = web.clip_batch(indices, rng).to(device), web.tokens(indices, rng).to(device)
        with torch.autocast(device, torch.bfloat16):  # two thirds of the time on today's CPUs
            image_features, text_features, scale = model(images, tokens)
        return contrast(image_features.float(), text_features.float(), scale.clamp(max=SCALE))

    _train("clip", model, loss, len(web.traits), schedule, seed)
    return model.eval()


def train_vae(web: Web, schedule: Schedule, seed: int, device: str):
    """A VAE that gives images back; its scaling factor makes latents of unit variance."""
    model = parts.new_vae(seed).to(device).train()

    def loss(indices, rng):
        views = web.views(indices).to(device)
        posterior = model.encode(views).latent_dist
        latents = posterior.mean + posterior.std * torch.from_numpy(
            rng.standard_normal(posterior.mean.shape, np.float32)
        ).to(device)
        return (model.decode(latents).sample - views).abs().mean() + KL_WEIGHT * posterior.kl().mean() / latents[
            0
        ].numel()

    _train("vae", model, loss, len(web.traits), schedule, seed)
    model.eval()
    with torch.no_grad():
        means = model.encode(web.views(np.arange(min(512, len(web.traits)))).to(device)).latent_dist.mean
    model.register_to_config(scaling_factor=round(1 / means.std().item(), 5))
    return model


def train_unet(web: Web, clip, vae, schedule: Schedule, seed: int, device: str, name: str):
    """A U-Net that predicts the noise in latents, Eq. 11, given a caption's tokens ("unet") or the image's embedding."""
    model = parts.new_unet(seed, name).to(device).train()
    scheduler = parts.new_scheduler()
    moments = _moments(web, vae, device)
    embeddings = image_states(clip, web, device) if name == "image_unet" else None

    def told(indices, rng):
        if embeddings is None:
            return text_states(clip, web.tokens(indices, rng, UNTOLD).to(device))
        kept = torch.from_numpy(rng.random(len(indices)) >= UNTOLD).to(device)  # of the others, zeros
        return embeddings[indices].to(device) * kept[:, None, None]

    def loss(indices, rng):
        mean, std = moments[indices].to(device).chunk(2, dim=1)
        latents = (mean + std * _normal(rng, mean.shape, device)) * vae.config.scaling_factor
        noise, times = (
            _normal(rng, mean.shape, device),
            torch.from_numpy(rng.integers(0, 1000, len(indices))).to(device),
        )
        with torch.no_grad():
            states = told(indices, rng)
        noisy = scheduler.add_noise(latents, noise, times)
        return F.mse_loss(model(noisy, times, states).sample, noise)

    _train(name, model, loss, len(web.traits), schedule, seed)
    return model.eval()


@torch.no_grad()
def _moments(web: Web, vae, device: str) -> Tensor:
    """(N, 8, 8, 8): mean and standard deviation of every image's latents."""
    moments = []
    for indices in np.array_split(np.arange(len(web.traits)), max(1, len(web.traits) // 256)):
        posterior = vae.encode(web.views(indices).to(device)).latent_dist
        moments.append(torch.cat([posterior.mean, posterior.std], dim=1).cpu())
    return torch.cat(moments)


def text_states(clip, tokens: Tensor) -> Tensor:
    """(B, 32, 64) tokens of the text tower behind its last normalisation, as Stable Diffusion takes those of CLIP."""
    states = clip.token_embedding(tokens) + clip.positional_embedding
    return clip.ln_final(clip.transformer(states, attn_mask=clip.attn_mask))


@torch.no_grad()
def image_states(clip, web: Web, device: str = "cpu") -> Tensor:
    """(N, 1, 128) on the CPU: CLIP's embedding of every image, not normalised, as Stable Diffusion image variations takes it."""
    batches = np.array_split(web.images, max(1, len(web.images) // 256))
    return torch.cat([clip.encode_image(scaled(images).to(device)).cpu() for images in batches])[:, None]


def _normal(rng: np.random.Generator, shape, device: str) -> Tensor:
    return torch.from_numpy(rng.standard_normal(tuple(shape), np.float32)).to(device)


def _train(name: str, model: nn.Module, loss, images: int, schedule: Schedule, seed: int) -> None:
    """AdamW over a schedule; logs the loss about every 5 %."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=schedule.rate, betas=(0.9, 0.98), weight_decay=0.02)
    rates = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, schedule.rate, total_steps=schedule.steps, pct_start=0.05, cycle_momentum=False
    )
    rng, total = np.random.default_rng(seed), 0.0
    every = max(1, schedule.steps // 20)
    for step, indices in zip(range(1, schedule.steps + 1), _batches(images, schedule.batch, rng), strict=False):
        optimizer.zero_grad()
        value = loss(indices, rng)
        value.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        rates.step()
        total += value.item()
        if step % every == 0:
            logger.info(f"{name}: step {step} of {schedule.steps}, loss {total / every:.4f}")
            total = 0.0


def _batches(images: int, batch: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Epoch after epoch in another order; what does not fill a batch is left out."""
    while True:
        order = rng.permutation(images)
        for begin in range(0, images - batch + 1, batch):
            yield order[begin : begin + batch]


def check_parts(names: Sequence[str], folder: Path) -> None:
    """Before hours of training: will there be all parts in the folder, and the U-Net of these CLIP and VAE?

    Args:
        names: of PARTS, to be trained; the others must lie in the folder.
    Raises: InputError: a part is neither there nor to be trained, or a U-Net there will have learned from others.
    """
    if missing := [name for name in PARTS if name not in names and not (folder / parts.FILES[name]).exists()]:
        raise InputError(
            f"{folder} has no {' and no '.join(missing)}, and --parts {' '.join(names)} does not train them; "
            f"add {' '.join(missing)} to --parts"
        )
    if not {"clip", "vae"}.isdisjoint(names) and (
        old := [name for name in parts.CONDITION_WIDTHS if name not in names]
    ):
        raise InputError(
            f"{' and '.join(old)} in {folder} learned from another CLIP or VAE than --parts {' '.join(names)} trains; "
            f"add {' '.join(old)} to --parts"
        )


def pretrain(name: str, web: Web, folder: Path, seed: int, device: str, schedule: Schedule) -> None:
    """Trains a part of PARTS and writes it into a folder of weights, from which a U-Net takes CLIP and VAE.

    What lay there is replaced when the training has ended, by whole files.
    """
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    made = unfinished_path(folder / name)
    begin, target, sources = time.perf_counter(), (made / parts.FILES[name]).parent, {}
    made.mkdir()
    try:
        if name == "clip":
            state = train_clip(web, schedule, seed, device).state_dict()
            save_file({key: value.cpu().contiguous() for key, value in state.items()}, parts.part("clip", made))
        elif name == "vae":
            train_vae(web, schedule, seed, device).cpu().save_pretrained(target)
        else:
            clip, vae = parts.load_clip(folder).to(device), parts.load_vae(folder).to(device)
            learned_from = {source: parts.fingerprint(source, folder) for source in ("clip", "vae")}
            sources = {SOURCES: learned_from}
            train_unet(web, clip, vae, schedule, seed, device, name).cpu().save_pretrained(target)
            parts.new_scheduler().save_pretrained(target.parent / "scheduler")
            if name == "image_unet":
                shutil.copytree(folder / parts.STABLE_DIFFUSION / "vae", made / parts.IMAGE_VARIATIONS / "vae")
        for file in sorted(file for file in made.rglob("*") if file.is_file()):
            place = folder / file.relative_to(made)
            place.parent.mkdir(parents=True, exist_ok=True)
            file.replace(place)
    finally:
        shutil.rmtree(made, ignore_errors=True)
    record = {
        "seed": seed,
        **asdict(schedule),
        "seconds": round(time.perf_counter() - begin),
        "device": device,
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "pictures": len(web.traits),
        "web": f"version {WEB_VERSION}, seed {WEB_SEED}",
        **sources,
    }
    text = json.dumps(record, indent=2) + "\n"
    write_whole(folder / f"{name}.training.json", lambda stream: stream.write(text.encode()))
