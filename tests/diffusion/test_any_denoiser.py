"""A transformer that implements Denoiser trains through the same branch; nothing else knows of it. B batch, 16 tokens of 32."""

import pytest
import torch
from torch import nn

from dcac_fastreid import data
from dcac_fastreid.dcac import attach_training_side
from dcac_fastreid.diffusion import Denoiser, DiffusionFeedback, adapt
from dcac_fastreid.diffusion.adaptation import TRAINED_PARTS
from dcac_fastreid.errors import InputError
from fastreid.modeling import build_model
from fastreid.utils.events import EventStorage


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.qkv, self.out, self.mlp, self.norm = (
            nn.Linear(32, 96),
            nn.Linear(32, 32),
            nn.Linear(32, 32),
            nn.LayerNorm(32),
        )

    def forward(self, tokens):
        q, k, v = self.qkv(self.norm(tokens)).chunk(3, dim=-1)
        tokens = tokens + self.out(nn.functional.scaled_dot_product_attention(q, k, v))
        return tokens + self.mlp(tokens).relu()


class ToyTransformer(Denoiser):
    """Predicts z_0 of 4 x 8 x 8 latents in patches of 2 x 2; the condition's token stands before theirs."""

    condition_dim, num_timesteps, lora_targets = 32, 10, ("qkv", "out")

    def __init__(self, middle=1):
        super().__init__()
        self.patches, self.time = nn.Conv2d(4, 32, 2, stride=2), nn.Embedding(10, 32)
        self.first, self.middle, self.last = Block(), nn.Sequential(*[Block() for _ in range(middle)]), Block()
        self.prediction = nn.ConvTranspose2d(32, 4, 2, stride=2)

    def add_noise(self, latents, noise, timesteps):
        share = (timesteps.view(-1, 1, 1, 1) + 1) / 10
        return (1 - share) * latents + share * noise

    def target(self, latents, noise, timesteps):
        return latents

    def forward(self, noisy_latents, timesteps, condition):
        tokens = self.patches(noisy_latents).flatten(2).mT + self.time(timesteps)[:, None]
        tokens = self.last(self.middle(self.first(torch.cat([condition, tokens], dim=1))))
        return self.prediction(tokens[:, condition.shape[1] :].mT.unflatten(2, (4, 4)))

    def parts(self):
        head = [self.time, self.prediction]
        return {"input": [self.patches, self.first], "middle": list(self.middle), "output": [self.last], "head": head}

    def lora_layers(self):
        return dict.fromkeys(("qkv", "out", "mlp"), 2 + len(self.middle))


@pytest.mark.parametrize("tuning", TRAINED_PARTS)
def test_it_trains_through_the_branch_in_every_mode(tuning):
    torch.manual_seed(0)
    denoiser = ToyTransformer()
    adapt(denoiser, tuning=tuning, rank=2, alpha=1.0, seed=3)
    feedback = DiffusionFeedback(denoiser, seed=0)
    feedback.connect_latents(lambda paths: torch.full((len(paths), 8, 8, 8), -1.0), scaling_factor=1.0)
    condition = nn.Parameter(torch.zeros(8, 1, 32))
    before = {name: p.detach().clone() for name, p in feedback.named_parameters()}
    optimizer = torch.optim.Adam([condition, *feedback.parameters()], lr=0.02)
    held_out = (-torch.ones(8, 4, 8, 8), torch.randn(8, 4, 8, 8), torch.arange(8))
    loss = feedback.loss(condition, *held_out)
    for _ in range(40):
        optimizer.zero_grad()
        feedback(condition, ["a"] * 8).backward()
        optimizer.step()
    fallen = {"frozen": 0.97, "random": 1.0}.get(tuning, 0.5)  # frozen: the condition alone can do something
    assert feedback.loss(condition, *held_out) < fallen * loss
    trained = {name for name, p in feedback.named_parameters() if p.requires_grad}
    assert {name for name, p in feedback.named_parameters() if not torch.equal(p, before[name])} == trained
    assert feedback.state_dict().keys() == trained
    if tuning == "lora":
        assert len(trained) == 3 * 2 * 2  # blocks, layers, A and B
    assert bool(trained) == (tuning not in ("frozen", "random"))


def test_it_stands_in_dcac(make_cfg, tiny_data):
    """Built and trained as Stable Diffusion is: prompts of its width, a gradient back to the encoder."""
    cfg = data.with_local_weights(make_cfg("ma_ms.yml", "MODEL.HEADS.NUM_CLASSES", 4))
    model = build_model(cfg)
    attach_training_side(model, cfg, ToyTransformer())
    model.feedback.connect_latents(lambda paths: torch.ones(len(paths), 8, 8, 8), scaling_factor=1.0)
    model.memory.reset(torch.randn(4, 128), torch.arange(4))
    with torch.no_grad():
        model.heads.weight.normal_()
    batch = {"images": 255 * torch.rand(8, 3, 128, 64), "targets": torch.arange(8) % 4, "img_paths": ["a"] * 8}
    with EventStorage(0):
        model.train()(batch)["loss_diffusion"].backward()
    assert model.conditioner.prompts.shape == (4, 32)
    assert model.backbone.tower.positional_embedding.grad.abs().sum() > 0


def test_a_mode_that_its_parts_do_not_have_is_refused():
    with pytest.raises(InputError, match="TUNING is 'partial2', but this denoiser has no middle part"):
        adapt(ToyTransformer(middle=0), tuning="partial2", rank=2, alpha=1.0)
    adapt(ToyTransformer(middle=0), tuning="full", rank=2, alpha=1.0)


def test_a_layer_that_cannot_be_drawn_anew_is_named():
    denoiser = ToyTransformer()
    denoiser.first.attention = nn.MultiheadAttention(32, 2)
    with pytest.raises(InputError, match=r"first.attention \(MultiheadAttention\) has no reset_parameters"):
        adapt(denoiser, tuning="scratch", rank=2, alpha=1.0)
