"""The heart: the diffusion loss reaches the Re-ID model, through the condition alone, on the assembled model."""

import pytest
import torch

from dcac_fastreid import data
from dcac_fastreid.dcac import attach_training_side, scale_learning_rates
from dcac_fastreid.diffusion import stable_diffusion
from dcac_fastreid.diffusion.adaptation import TRAINED_PARTS
from dcac_fastreid.diffusion.latents import read_view
from dcac_fastreid.engine.optimizer import build_optimizer
from dcac_fastreid.engine.schedule import build_epoch_schedule
from dcac_fastreid.engine.solver_settings import apply_solver_settings
from fastreid.modeling import build_model
from fastreid.utils.events import EventStorage

N, B = 8, 16
# With one token, the cross-attention's softmax is 1 whatever queries and keys are.
ZERO_GRADIENT = ("attn2.to_q", "attn2.to_k")


@pytest.fixture
def assemble(make_cfg):
    """DCAC from the synthetic yml, with B never at 0 so that LoRA's A takes part, and a batch of the synthetic data set."""

    def make(*opts, autocast=None):
        torch.manual_seed(0)
        cfg = data.with_local_weights(make_cfg("ma_ms.yml", "MODEL.HEADS.NUM_CLASSES", N, *opts))
        model = build_model(cfg)
        denoiser = stable_diffusion.load_denoiser(cfg.MODEL.DCAC.DIFFUSION.WEIGHTS)
        attach_training_side(model, cfg, denoiser, autocast=autocast)
        vae = make.vae = stable_diffusion.load_encoder(cfg.MODEL.DCAC.DIFFUSION.WEIGHTS)
        model.feedback.connect_latents(
            lambda paths: vae(torch.stack([read_view(path, cfg.MODEL.DCAC.DIFFUSION.SIZE) for path in paths])),
            vae.scaling_factor,
        )
        model.memory.reset(torch.randn(N, 128), torch.arange(N))
        with torch.no_grad():
            model.heads.weight.normal_(std=0.1)  # probabilities that differ between samples, as after some training
        apply_solver_settings(cfg, model)
        return model.train()

    return make


@pytest.fixture
def batch(tiny_data):
    paths = sorted(map(str, (tiny_data / "Market-1501-v15.09.15" / "bounding_box_train").glob("*.jpg")))[: B * 2 : 2]
    images = torch.stack([read_view(path, (128, 64)) for path in paths]).float()
    return {"images": images, "targets": torch.arange(B) % N, "img_paths": paths}


def run(model, batch):
    with EventStorage(0):
        return model({**batch, "images": batch["images"].clone()})


def gradients(model):
    """Largest absolute gradient by parameter name; 0.0 where there is none."""
    return {name: 0.0 if p.grad is None else p.grad.abs().max().item() for name, p in model.named_parameters()}


def test_the_diffusion_loss_alone_reaches_every_part_of_the_reid_model(assemble, batch):
    model = assemble()
    run(model, batch)["loss_diffusion"].backward()
    gradient = gradients(model)

    reached = {
        name: value for name, value in gradient.items() if name.startswith("backbone.tower.transformer.resblocks.0.")
    }
    assert reached and all(value > 0 for value in reached.values()), reached
    assert gradient["backbone.tower.positional_embedding"] > 0
    assert gradient["heads.bottleneck.0.weight"] > 0
    assert (model.heads.weight.grad.abs().sum(1) > 0).all(), "every classifier row"
    assert (model.conditioner.prompts.grad.abs().sum(1) > 0).all(), "every ID prompt"
    lora_b = {n: v for n, v in gradient.items() if "lora_B" in n and not any(zero in n for zero in ZERO_GRADIENT)}
    assert lora_b and all(value > 0 for value in lora_b.values()), lora_b

    frozen = [name for name, p in model.named_parameters() if not p.requires_grad]
    assert "backbone.tower.conv1.weight" in frozen
    assert all(gradient[name] == 0 for name in frozen)
    assert all(p.grad is None and not p.requires_grad for p in assemble.vae.parameters()), "the VAE, in the loop here"
    assert {n for n in gradient if n.startswith("feedback.")} - set(frozen) == {n for n in gradient if ".lora_" in n}


def test_a_detached_condition_cuts_the_feedback(assemble, batch):
    """What the test above would see if the feedback were cut: the conditioner's gradient does not reach the Re-ID model."""
    model = assemble()
    model.conditioner.register_forward_hook(lambda module, inputs, condition: condition.detach())
    run(model, batch)["loss_diffusion"].backward()
    gradient = gradients(model)
    assert all(gradient[name] == 0 for name in gradient if not name.startswith("feedback."))
    assert any(gradient[name] > 0 for name in gradient if "lora_B" in name)


def test_queries_and_keys_of_the_one_token_cross_attention_get_no_gradient(assemble, batch):
    """They train in no step, and count and lie in a checkpoint as all LoRA."""
    model = assemble()
    run(model, batch)["loss_diffusion"].backward()
    without = {n for n, p in model.named_parameters() if p.requires_grad and p.grad is None and ".lora_" in n}
    assert without == {n for n in gradients(model) if ".lora_" in n and any(name in n for name in ZERO_GRADIENT)}
    assert without and without <= model.state_dict().keys()
    unused = set(model.unused_parameters())
    assert without == {n for n, p in model.named_parameters() if p.requires_grad and p in unused}


def test_autograd_agrees_with_a_finite_difference_of_the_loss(assemble, batch):
    """d loss_diffusion / d W[3, 5], float64, the same random numbers in every evaluation."""
    model = assemble().double()
    batch = {**batch, "images": batch["images"].double()}

    def loss():
        model.feedback.generator = torch.Generator().manual_seed(7)
        return run(model, batch)["loss_diffusion"]

    loss().backward()
    gradient = model.heads.weight.grad[3, 5].item()
    values = []
    for step in (1e-3, -1e-3):
        with torch.no_grad():
            model.heads.weight[3, 5] += step
        values.append(loss().item())
        with torch.no_grad():
            model.heads.weight[3, 5] -= step
    assert gradient != 0 and (values[0] - values[1]) / 2e-3 == pytest.approx(gradient, rel=1e-2)


CONDITIONER = "MODEL.DCAC.CONDITIONER."
CLASS_WISE = (CONDITIONER + "NAME", "ClassWiseConditioner")


@pytest.mark.parametrize(
    ("opts", "to_encoder", "to_classifier"),
    [
        (CLASS_WISE, True, True),
        ((*CLASS_WISE, CONDITIONER + "RESCALE", True), False, False),  # as the authors' code computes it
        ((CONDITIONER + "NAME", "InstanceWiseConditioner"), True, False),
        ((CONDITIONER + "PROBS", "prototypes"), True, False),
        ((CONDITIONER + "PROBS", "both"), True, True),
        ((CONDITIONER + "TRANSFORM", "condition_net"), True, True),
    ],
    ids=lambda value: " ".join(map(str, value[1::2])) if isinstance(value, tuple) else None,
)
def test_where_the_feedback_of_the_variants_goes(assemble, batch, opts, to_encoder, to_classifier):
    model = assemble(*opts)
    run(model, batch)["loss_diffusion"].backward()
    gradient = gradients(model)
    assert (gradient["backbone.tower.positional_embedding"] > 0) == to_encoder
    assert (gradient["heads.weight"] > 0) == to_classifier
    assert all(value > 0 for name, value in gradient.items() if name.startswith("conditioner.")), gradient


def test_probabilities_of_prototypes_are_those_before_the_update(assemble, batch):
    """Eq. 7 moves the prototypes in the same step, in place and before backward()."""
    model = assemble(CONDITIONER + "PROBS", "prototypes")
    before, read = model.memory.prototypes.clone(), []
    model.conditioner.register_forward_hook(
        lambda module, args, kwargs, condition: read.append((kwargs["features"], condition)), with_kwargs=True
    )
    sum(run(model, batch).values()).backward()
    assert not torch.equal(model.memory.prototypes, before)
    features, condition = read[0]
    cosines = torch.nn.functional.normalize(features) @ before.T
    expected = (cosines / 0.05).softmax(1) @ model.conditioner.prompts  # τ_m of synthetic/base.yml
    torch.testing.assert_close(condition[:, 0], expected)


@pytest.mark.parametrize("tuning", TRAINED_PARTS)
def test_the_feedback_comes_back_in_every_mode_of_tuning(assemble, batch, tuning):
    """Through a frozen U-Net as well; and the rest of the model starts from the same weights in every mode."""
    model, lora = assemble("MODEL.DCAC.DIFFUSION.TUNING", tuning), assemble()
    assert torch.equal(model.conditioner.prompts, lora.conditioner.prompts)
    run(model, batch)["loss_diffusion"].backward()
    gradient = gradients(model)
    assert gradient["backbone.tower.positional_embedding"] > 0 and gradient["conditioner.prompts"] > 0
    trained = {name for name, p in model.feedback.named_parameters(prefix="feedback") if p.requires_grad}
    assert trained == {name for name in model.state_dict() if name.startswith("feedback.")}
    assert all(gradient[name] == 0 for name, p in model.named_parameters() if not p.requires_grad)


def test_under_shuffled_conditions_the_feedback_still_comes_back(assemble, batch):
    model, ordinary = assemble(CONDITIONER + "SHUFFLE", True), assemble()
    conditions, received = [], []
    for each in (model, ordinary):
        each.conditioner.register_forward_hook(lambda module, args, condition: conditions.append(condition))
        each.feedback.denoiser.register_forward_pre_hook(lambda module, args: received.append(args[2]))
        run(each, batch)["loss_diffusion"].backward()
    assert torch.equal(conditions[0], conditions[1]) and torch.equal(received[1], conditions[1])
    assert (received[0] != conditions[0]).flatten(1).any(1).all()
    assert torch.equal(received[0].flatten(1).sum(1).sort().values, conditions[0].flatten(1).sum(1).sort().values)
    assert gradients(model)["backbone.tower.positional_embedding"] > 0


@pytest.mark.parametrize("view", ["identity", "camera"])
@pytest.mark.parametrize("micro_batch", [0, 5])
def test_under_another_view_an_image_denoises_the_condition_of_another_one_of_its_identity(
    assemble, batch, view, micro_batch
):
    """Two images of each identity, by two cameras: they exchange their conditions; in pieces too."""
    batch = {**batch, "camids": torch.arange(B) // N}
    model = assemble(CONDITIONER + "VIEW", view, "SOLVER.MICRO_BATCH", micro_batch)
    conditions, received = [], []
    model.conditioner.register_forward_hook(lambda module, args, condition: conditions.append(condition.detach()))
    model.feedback.denoiser.register_forward_pre_hook(lambda module, args: received.append(args[2].detach()))
    loss = run(model, batch)["loss_diffusion"]
    assert torch.equal(torch.cat(received), conditions[0].roll(N, 0))
    loss.backward()
    assert gradients(model)["backbone.tower.positional_embedding"] > 0


def test_scratch_is_drawn_from_the_seed(assemble):
    """And not from the stream of torch, in which the baseline stands."""
    scratch = ("MODEL.DCAC.DIFFUSION.TUNING", "scratch", "SEED")
    one, same, other = (assemble(*scratch, seed).feedback.denoiser.unet.conv_in.weight for seed in (3, 3, 4))
    assert torch.equal(one, same) and not torch.equal(one, other)


def test_prompts_and_adapters_have_learning_rates_of_their_own(assemble):
    model = assemble(CONDITIONER + "TRANSFORM", "condition_net")
    parameters = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
    optimizer = torch.optim.Adam([{"params": [p], "lr": 2e-6} for _, p in parameters])
    scale_learning_rates(model, optimizer, prompts=100.0, lora=10.0)
    for (name, _), group in zip(parameters, optimizer.param_groups, strict=True):
        factor = 100 if name.startswith("conditioner.") else 10 if ".lora_" in name else 1
        assert group["lr"] == pytest.approx(factor * 2e-6), name
    assert {round(group["lr"] / 2e-6) for group in optimizer.param_groups} == {1, 10, 100}


def test_a_schedule_keeps_the_factors(assemble, make_cfg):
    """Optimizer and schedule as DCACTrainer builds them: the factor stays at every epoch."""
    model = assemble()
    epochs = ("SOLVER.WARMUP_EPOCHS", 2, "SOLVER.MAX_EPOCH", 4, "SOLVER.STEPS", [3])
    cfg = make_cfg("ma_ms.yml", "SOLVER.PROMPTS_LR_FACTOR", 100.0, *epochs)
    optimizer, _ = build_optimizer(cfg, model)
    schedule = build_epoch_schedule(cfg, optimizer)["lr_sched"]
    for _ in range(4):
        rates = {group["lr"] for group in optimizer.param_groups}
        assert len(rates) == 2 and max(rates) == pytest.approx(100 * min(rates))
        optimizer.step()
        schedule.step()


def test_lambda_weighs_the_diffusion_loss_alone(assemble, batch):
    """Eq. 13."""
    one, three = run(assemble(), batch), run(assemble("MODEL.DCAC.LAMBDA", 3.0), batch)
    torch.testing.assert_close(three["loss_diffusion"], 3 * one["loss_diffusion"])
    assert three["loss_cls"] == one["loss_cls"] and three["loss_pcl"] == one["loss_pcl"]


def test_without_its_training_side_it_does_not_train(make_cfg, batch):
    cfg = make_cfg("ma_ms.yml", "MODEL.HEADS.NUM_CLASSES", N, "MODEL.BACKBONE.PRETRAIN", False)
    model = build_model(cfg).train()
    model.memory.reset(torch.randn(N, 128), torch.arange(N))
    with pytest.raises(RuntimeError, match="would train the baseline alone"):
        run(model, batch)


def one_step(model, batch):
    """What a step leaves behind: losses, gradients, BNNeck statistics, prototypes; and the bytes kept for the backward pass."""
    kept = {}

    def keep(tensor):
        if not isinstance(tensor, torch.nn.Parameter):
            kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        losses = run(model, batch)
    sum(losses.values()).backward()
    left = {name: loss.detach() for name, loss in losses.items()}
    left |= {name: p.grad for name, p in model.named_parameters() if p.grad is not None}
    left |= {name: buffer for name, buffer in model.named_buffers()}
    return left, sum(kept.values())


SAVING = ("SOLVER.MICRO_BATCH", 5), ("SOLVER.CHECKPOINT_ACTIVATIONS", True)


@pytest.mark.parametrize("setting", SAVING, ids=["micro-batches", "activation checkpointing"])
def test_a_step_with_less_memory_is_the_same_step(assemble, batch, setting):
    """A batch of 16 in pieces of 5, 5, 5 and 1; BNNeck, losses and prototypes see all 16."""
    batch = {**batch, "images": batch["images"].double()}
    plain, bytes_plain = one_step(assemble().double(), batch)
    model = assemble(*setting)
    saving, bytes_saving = one_step(model.double(), batch)
    assert plain.keys() == saving.keys()
    for name, value in plain.items():
        torch.testing.assert_close(saving[name], value, rtol=1e-9, atol=1e-12, msg=name)
    assert bytes_saving < bytes_plain / 2


def test_activation_checkpointing_reaches_the_denoiser_too(assemble):
    unet = assemble("SOLVER.CHECKPOINT_ACTIVATIONS", True).feedback.denoiser.unet
    blocks = [*unet.down_blocks, unet.mid_block, *unet.up_blocks]
    assert all(block.gradient_checkpointing for block in blocks)


def test_frozen_weights_kept_in_bf16_give_the_numbers_of_autocast(assemble, batch):
    """To the bit, at half the memory; what trains stays in fp32. Where only adapters train: tests/diffusion/test_one_type.py."""
    results = []
    for autocast in (None, torch.bfloat16):
        model = assemble("MODEL.DCAC.DIFFUSION.TUNING", "partial1", autocast=autocast)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            losses = run(model, batch)
        sum(losses.values()).backward()
        results.append((losses, {name: p.grad for name, p in model.named_parameters() if p.grad is not None}))
        assert all(p.dtype == torch.float32 for p in model.parameters() if p.requires_grad)
        assert (model.feedback.denoiser.unet.conv_in.weight.dtype == torch.bfloat16) == (autocast is not None)
    (losses, gradients), (losses_bf16, gradients_bf16) = results
    assert all(torch.equal(losses[name], losses_bf16[name]) for name in losses)
    assert all(torch.equal(gradients[name], gradients_bf16[name]) for name in gradients)


def test_a_batch_without_paths_is_an_error(assemble, batch):
    batch.pop("img_paths")
    with pytest.raises(KeyError, match="img_paths"):
        run(assemble(), batch)
