"""Small random checkpoints with exactly the names of those that DCAC's authors and CLIP-ReID released."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

WIDTH, LAYERS, PATCH, FEATURES = 128, 4, 16, 128  # of synthetic-ViT-16
GRID = (8, 4)  # 128 x 64


@pytest.fixture(scope="session")
def layouts() -> dict[str, Callable]:
    """Format -> what makes a released state dict of so many classes."""
    return {"dcac": released_by_dcac, "clip-reid": released_by_clip_reid}


def released_by_dcac(num_classes: int, rank: int = 8) -> dict[str, Tensor]:
    """FACTS, "The release's checkpoint": encoder, and one layer of each kind of the U-Net and the VAE."""
    generator = torch.Generator().manual_seed(0)
    weights = {f"encoder.image_encoder.{key}": value for key, value in image_encoder(generator).items()}
    weights |= {f"encoder.bnneck.{key}": value for key, value in batch_norm(generator).items()}
    weights["encoder.fc.weight"] = normal(generator, num_classes, FEATURES)
    attention = "denoiser.model.input_blocks.1.1.transformer_blocks.0.attn2"
    for layer in ("to_q", "to_k", "to_v", "to_out.0"):
        weights |= {
            f"{attention}.{layer}.weight": normal(generator, 32, 32),
            f"{attention}.{layer}.bias": normal(generator, 32),
            f"{attention}.{layer}.lora_A": normal(generator, rank, 32),
            f"{attention}.{layer}.lora_B": normal(generator, 32, rank),
        }
    feed_forward = "denoiser.model.input_blocks.1.1.transformer_blocks.0.ff.net"
    weights |= {
        f"{feed_forward}.0.proj.weight": normal(generator, 64, 32),
        f"{feed_forward}.0.proj.bias": normal(generator, 64),
        f"{feed_forward}.0.proj.lora_A": normal(generator, rank, 32),
        f"{feed_forward}.0.proj.lora_B": normal(generator, 64, rank),
        f"{feed_forward}.2.weight": normal(generator, 32, 32),
        "denoiser.model.time_embed.0.weight": normal(generator, 64, 32),
        "denoiser.model.prompt_emb.prompt_emb": normal(generator, num_classes, 64),
        "denoiser.model.prompt_emb.condition_bottleneck.0.weight": normal(generator, 64),
        "denoiser.autoencoder.encoder.conv_in.weight": normal(generator, 8, 3, 3, 3),
        "denoiser.betas": normal(generator, 1000),
        "denoiser.sqrt_alphas_cumprod": normal(generator, 1000),
    }
    return weights


def released_by_clip_reid(num_classes: int) -> dict[str, Tensor]:
    """The names of its model: two branches, before and after the projection, and the text side."""
    generator = torch.Generator().manual_seed(0)
    weights = {f"image_encoder.{key}": value for key, value in image_encoder(generator).items()}
    weights |= {f"bottleneck.{key}": value for key, value in batch_norm(generator).items()}
    weights |= {f"bottleneck_proj.{key}": value for key, value in batch_norm(generator).items()}
    weights |= {
        "classifier.weight": normal(generator, num_classes, WIDTH),
        "classifier_proj.weight": normal(generator, num_classes, FEATURES),
        "prompt_learner.cls_ctx": normal(generator, num_classes, 4, 32),
        "prompt_learner.token_prefix": normal(generator, 1, 5, 32),
        "text_encoder.positional_embedding": normal(generator, 77, 32),
        "text_encoder.transformer.resblocks.0.ln_1.weight": normal(generator, 32),
    }
    return weights


def image_encoder(generator) -> dict[str, Tensor]:
    """OpenAI's names."""
    weights = {
        "class_embedding": normal(generator, WIDTH),
        "positional_embedding": normal(generator, 1 + GRID[0] * GRID[1], WIDTH),
        "conv1.weight": normal(generator, WIDTH, 3, PATCH, PATCH),
        "proj": normal(generator, WIDTH, FEATURES),
    }
    for norm in ("ln_pre", "ln_post"):
        weights |= {f"{norm}.weight": normal(generator, WIDTH), f"{norm}.bias": normal(generator, WIDTH)}
    for layer in (f"transformer.resblocks.{number}." for number in range(LAYERS)):
        for name, out, into in (
            ("attn.in_proj_", 3 * WIDTH, WIDTH),
            ("attn.out_proj.", WIDTH, WIDTH),
            ("mlp.c_fc.", 4 * WIDTH, WIDTH),
            ("mlp.c_proj.", WIDTH, 4 * WIDTH),
        ):
            weights |= {
                f"{layer}{name}weight": normal(generator, out, into),
                f"{layer}{name}bias": normal(generator, out),
            }
        for name in ("ln_1", "ln_2"):
            weights |= {
                f"{layer}{name}.weight": normal(generator, WIDTH),
                f"{layer}{name}.bias": normal(generator, WIDTH),
            }
    return weights


def batch_norm(generator) -> dict[str, Tensor]:
    return {
        "weight": normal(generator, FEATURES),
        "bias": normal(generator, FEATURES),
        "running_mean": normal(generator, FEATURES),
        "running_var": normal(generator, FEATURES).abs() + 0.5,
        "num_batches_tracked": torch.tensor(1234),
    }


def normal(generator, *shape) -> Tensor:
    return 0.1 * torch.randn(*shape, generator=generator)
