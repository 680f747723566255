"""Real trainings of a few steps on the tiny synthetic data set, with fast-reid's own trainer, sampler, loader and evaluator."""

import copy
import json
import multiprocessing
from pathlib import Path

import pytest
import torch

import dcac_fastreid
from dcac_fastreid.diffusion import LatentCache
from dcac_fastreid.diffusion.latents import read_view
from dcac_fastreid.engine.hooks import PrototypeReset
from fastreid.engine import DefaultPredictor, DefaultTrainer

# Adam moves these too, by rounding noise and weight decay, but the loss does not depend on them: with one token the
# cross-attention ignores queries and keys; attention ignores a shift of its keys; the BNNeck removes a shift of features.
ZERO_GRADIENT = ("attn2.to_q", "attn2.to_k", "attn.in_proj_bias", "ln_post.bias")


def train(trainer, resume=False):
    trainer.resume_or_load(resume=resume)
    return trainer.train()


def losses(trainer):
    """Runs the training; returns the loss of every step."""
    values, write = [], trainer._trainer._write_metrics

    def record(loss_dict, data_time):
        values.append({name: loss.item() for name, loss in loss_dict.items()})
        write(loss_dict, data_time)

    trainer._trainer._write_metrics = record
    train(trainer)
    return values


def test_every_trainable_weight_moves_and_no_frozen_one(make_trainer):
    """fast-reid alone, on today's PyTorch, logs a loss while nothing moves."""
    trainer = make_trainer()
    before = copy.deepcopy(dict(trainer.model.named_parameters()))
    assert {"loss_cls", "loss_pcl", "loss_diffusion"} == losses(trainer)[0].keys()
    moved = {name: not torch.equal(p, before[name]) for name, p in trainer.model.named_parameters()}
    trainable = {name for name, p in trainer.model.named_parameters() if p.requires_grad}
    named = {name for name in trainable if any(zero in name for zero in ZERO_GRADIENT)}
    assert [name for name in trainable - named if not moved[name]] == []
    assert [name for name in moved.keys() - trainable if moved[name]] == []
    assert {"backbone.tower.conv1.weight", "heads.bottleneck.0.bias"} <= moved.keys() - trainable


@pytest.fixture
def cold_cache(tmp_path, monkeypatch):
    """A cache folder without small parts and latents: the first of two runs makes them, the second finds them."""
    monkeypatch.setenv("DCAC_FASTREID_CACHE", str(tmp_path / "cold"))


HOST_LOADER = ("DATALOADER.CACHE_IMAGES", False, "DATALOADER.NUM_WORKERS")


@pytest.mark.parametrize(
    "opts",
    [
        (),
        pytest.param((*HOST_LOADER, 0), marks=pytest.mark.slow),
        pytest.param((*HOST_LOADER, 2), marks=pytest.mark.slow),
    ],
    ids=["cached", "no worker", "two workers"],
)
def test_a_seed_decides_everything(make_trainer, cold_cache, opts):
    never = ("DATASETS.TESTS", (), "TEST.EVAL_PERIOD", 0)
    first, again, other = (losses(make_trainer("ma_ms.yml", *opts, *never, "SEED", seed)) for seed in (3, 3, 4))
    assert first == again and first != other


def test_workers_end_with_the_training(make_trainer):
    """Left to the garbage collector, each of them costs the next training of this process five seconds."""
    trainer = make_trainer("baseline/ma_ms.yml", *HOST_LOADER, 2)
    train(trainer)
    assert not multiprocessing.active_children()


def test_baseline_and_dcac_of_a_seed_see_the_same_images(make_trainer, cold_cache):
    """A paired comparison: the diffusion branch's random numbers do not shift those of sampler and augmentation."""
    batches = []
    for name in ("baseline/ma_ms.yml", "ma_ms.yml"):
        trainer = make_trainer(name)
        trainer.model.register_forward_pre_hook(
            lambda model, inputs: batches.append(inputs[0]["images"].clone()) if model.training else None
        )
        train(trainer)
    assert len(batches) == 6 and all(torch.equal(a, b) for a, b in zip(batches[:3], batches[3:], strict=True))


def test_a_drawn_seed_is_that_of_all_processes(make_trainer, monkeypatch):
    monkeypatch.setattr("fastreid.utils.comm.all_gather", lambda number: [7, number])  # of the first process
    assert make_trainer("baseline/ma_ms.yml", "SEED", -1).cfg.SEED == 7


def test_drawn_seeds_differ_and_are_kept(make_trainer):
    seeds = [make_trainer("baseline/ma_ms.yml", "SEED", -1).cfg.SEED for _ in range(2)]
    assert min(seeds) >= 0 and seeds[0] != seeds[1]


def test_prototypes_are_the_normalised_class_means_at_the_start_of_an_epoch(make_trainer):
    trainer = make_trainer("baseline/ma_ms.yml")
    dataset = trainer.data_loader.dataset
    model = copy.deepcopy(trainer.model).eval()
    sums = torch.zeros(8, 128)
    for path, pid, _ in dataset.img_items:
        with torch.no_grad():
            feature = model({"images": read_view(path, (128, 64))[None].float()})  # the host's test transform: bicubic
        sums[dataset.pid_dict[pid]] += torch.nn.functional.normalize(feature)[0]
    next(hook for hook in trainer._hooks if isinstance(hook, PrototypeReset)).before_epoch()
    torch.testing.assert_close(
        trainer.model.memory.prototypes, torch.nn.functional.normalize(sums), rtol=1e-3, atol=1e-4
    )
    assert trainer.model.training


def test_latents_of_a_step_are_those_of_its_images(make_trainer):
    trainer = make_trainer()
    trainer._fill_latent_cache()
    path = trainer.data_loader.dataset.img_items[5][0]
    vae = dcac_fastreid.engine.trainer.stable_diffusion.load_encoder(
        dcac_fastreid.data.with_local_weights(trainer.cfg).MODEL.DCAC.DIFFUSION.WEIGHTS
    )
    direct = vae(read_view(path, (64, 64))[None])
    torch.testing.assert_close(trainer.model.feedback.moments_of([path]), direct, rtol=0, atol=1e-5)


def test_a_resumed_run_goes_on_where_it_stopped(make_trainer):
    train(make_trainer("ma_ms.yml", "SOLVER.MAX_EPOCH", 2, "SOLVER.STEPS", [1]))
    trainer = make_trainer("ma_ms.yml", "SOLVER.MAX_EPOCH", 3, "SOLVER.STEPS", [1])
    trainer.resume_or_load(resume=True)
    assert trainer.start_epoch == 2
    saved = torch.load(Path(trainer.cfg.OUTPUT_DIR) / "model_final.pth")["model"]
    now = trainer.model.state_dict()
    assert saved.keys() == now.keys() and all(torch.equal(saved[key], now[key]) for key in saved)
    moments = torch.load(Path(trainer.cfg.OUTPUT_DIR) / "model_final.pth")["optimizer"]["state"]
    for index, state in trainer.optimizer.state_dict()["state"].items():
        assert torch.equal(state["exp_avg"], moments[index]["exp_avg"])
    factor = (0.1 + 0.9 * 2 / 5) * 0.1
    assert trainer.optimizer.param_groups[0]["lr"] == pytest.approx(trainer.cfg.SOLVER.BASE_LR * factor)
    trainer.train()


def test_a_finished_run_is_evaluated_when_resumed(make_trainer):
    results = train(make_trainer("baseline/ma_ms.yml"))
    assert train(make_trainer("baseline/ma_ms.yml"), resume=True)["mAP"] == pytest.approx(results["mAP"])


def test_resuming_from_a_file_that_lacks_a_weight_is_an_error(make_trainer):
    trainer = make_trainer("ma_ms.yml")
    train(trainer)
    file = Path(trainer.cfg.OUTPUT_DIR) / "model_final.pth"
    checkpoint = torch.load(file)
    checkpoint["model"].pop("conditioner.prompts")
    torch.save(checkpoint, file)
    with pytest.raises(ValueError, match="missing.*conditioner.prompts"):
        make_trainer("ma_ms.yml").resume_or_load(resume=True)


def test_a_checkpoint_holds_what_a_run_needs_and_nothing_of_stable_diffusion(make_trainer):
    trainer = make_trainer()
    train(trainer)
    saved = torch.load(Path(trainer.cfg.OUTPUT_DIR) / "model_final.pth")["model"]
    parameters = dict(trainer.model.named_parameters())
    adapters = {name for name, p in parameters.items() if name.startswith("feedback.") and p.requires_grad}
    assert {key for key in saved if key.startswith("feedback.")} == adapters
    assert {"backbone.tower.conv1.weight", "heads.bottleneck.0.bias", "heads.weight"} <= saved.keys()
    assert {"memory.prototypes", "conditioner.prompts"} <= saved.keys()


def test_metrics_are_logged_and_the_last_evaluation_too(make_trainer):
    trainer = make_trainer("ma_ms.yml", "SOLVER.MAX_EPOCH", 2, "TEST.EVAL_PERIOD", 3)
    results = train(trainer)
    lines = [json.loads(line) for line in (Path(trainer.cfg.OUTPUT_DIR) / "metrics.json").read_text().splitlines()]
    assert {"loss_cls", "loss_pcl", "loss_diffusion", "lr", "cls_accuracy"} <= lines[0].keys()
    assert "mAP" not in lines[0] and lines[-1]["mAP"] == pytest.approx(results["mAP"])


def test_a_run_of_two_steps(make_trainer):
    """As a first trial on a handful of images."""
    assert len(losses(make_trainer("ma_ms.yml", "SOLVER.IMS_PER_BATCH", 24))) == 2


def test_an_error_before_the_first_step_is_shown_as_it_is(make_trainer, monkeypatch):
    """fast-reid's hooks alone would show "no attribute '_start_time'" instead."""

    def fail(*args, **kwargs):
        raise OSError("the disk is full")

    trainer = make_trainer()
    monkeypatch.setattr(LatentCache, "fill", fail)
    with pytest.raises(OSError, match="the disk is full"):
        train(trainer)


def test_training_in_bfloat16_on_the_cpu(make_trainer):
    trainer = make_trainer("ma_ms.yml", "SOLVER.AMP.ENABLED", True, "SOLVER.AMP.DTYPE", "bf16")
    values = losses(trainer)
    assert trainer.grad_scaler is None and all(torch.tensor(list(v.values())).isfinite().all() for v in values)
    assert {p.dtype for p in trainer.model.parameters() if p.requires_grad} == {torch.float32}
    assert trainer.model.feedback.denoiser.unet.conv_in.weight.dtype == torch.bfloat16
    assert trainer.model.memory.prototypes.dtype == torch.float32


def test_training_in_float16_with_a_loss_scaler(make_trainer):
    """What a GPU run does, on the CPU, where a config may not ask for it."""
    trainer = make_trainer("ma_ms.yml", "SOLVER.AMP.ENABLED", True, "SOLVER.AMP.DTYPE", "bf16")
    trainer._trainer.set_dtype(torch.float16)
    before = copy.deepcopy(dict(trainer.model.named_parameters()))
    values = losses(trainer)
    assert trainer.grad_scaler.get_scale() > 1
    assert all(torch.tensor(list(v.values())).isfinite().all() for v in values)
    moved = [name for name, p in trainer.model.named_parameters() if not torch.equal(p, before[name])]
    assert {"backbone.tower.positional_embedding", "heads.weight", "conditioner.prompts"} <= set(moved)


@pytest.mark.parametrize(
    ("opts", "message"),
    [
        (("SOLVER.AMP.ENABLED", True, "SOLVER.AMP.DTYPE", "fp16"), "fp16 training needs a GPU"),
        (("DATALOADER.NUM_INSTANCE", 6), "6"),
    ],
)
def test_a_script_of_ones_own_is_refused_what_cannot_work_too(make_trainer, opts, message):
    """All cases, on the command line: tests/tools/errors."""
    with pytest.raises(ValueError, match=message):
        make_trainer("ma_ms.yml", *opts)


@pytest.mark.parametrize("tests", [("DG_MSMT17",), ()])
def test_neither_evaluation_nor_checkpoint_but_the_last(make_trainer, tests):
    never = ("TEST.EVAL_PERIOD", 0, "SOLVER.CHECKPOINT_PERIOD", 0)
    trainer = make_trainer("baseline/ma_ms.yml", "SOLVER.MAX_EPOCH", 2, *never, "DATASETS.TESTS", tests)
    assert train(trainer) is None
    assert [file.name for file in Path(trainer.cfg.OUTPUT_DIR).glob("*.pth")] == ["model_final.pth"]


def test_an_evaluation_that_fails_costs_no_weights(make_trainer, tmp_path):
    """Also in an epoch whose checkpoint is not due."""
    trainer = make_trainer("baseline/ma_ms.yml", "SOLVER.MAX_EPOCH", 2, "SOLVER.CHECKPOINT_PERIOD", 0)
    trainer.test = lambda *args: (_ for _ in ()).throw(OSError("the test set is gone"))
    with pytest.raises(
        ValueError, match="after epoch 0 failed: the test set is gone; the weights are safe in .*model_steps"
    ):
        train(trainer)
    resumed = make_trainer("baseline/ma_ms.yml", "SOLVER.MAX_EPOCH", 2, "SOLVER.CHECKPOINT_PERIOD", 0)
    resumed.resume_or_load(resume=True)
    assert resumed.progress.steps == 3


def test_a_resumed_run_draws_the_batches_of_its_epoch(make_trainer):
    """The second epoch's images are those of a run that was never stopped."""

    def batches(*opts, resume):
        trainer, seen = make_trainer("baseline/ma_ms.yml", *opts), []
        trainer.model.register_forward_pre_hook(
            lambda model, inputs: seen.append(inputs[0]["img_paths"]) if model.training else None
        )
        train(trainer, resume=resume)
        return seen

    unbroken = batches("SOLVER.MAX_EPOCH", 2, resume=False)
    batches("SOLVER.MAX_EPOCH", 1, resume=False)
    assert batches("SOLVER.MAX_EPOCH", 2, resume=True) == unbroken[3:]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
@pytest.mark.parametrize("dtype", ["fp32", "bf16", "fp16"])
def test_training_on_a_gpu(make_trainer, dtype):
    amp = () if dtype == "fp32" else ("SOLVER.AMP.ENABLED", True, "SOLVER.AMP.DTYPE", dtype)
    trainer = make_trainer("ma_ms.yml", "MODEL.DEVICE", "cuda", *amp)
    before = trainer.model.heads.weight.detach().clone()
    values = losses(trainer)
    assert all(torch.tensor(list(v.values())).isfinite().all() for v in values)
    assert not torch.equal(trainer.model.heads.weight, before)


# fast-reid's own models do not move what its loader put on the GPU.
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
RESNET = ("MODEL.BACKBONE.NAME", "build_resnet_backbone", "MODEL.BACKBONE.DEPTH", "18x", "MODEL.BACKBONE.FEAT_DIM", 512)
OSNET = ("MODEL.BACKBONE.NAME", "build_osnet_backbone", "MODEL.BACKBONE.DEPTH", "x0_25", "MODEL.BACKBONE.FEAT_DIM", 128)


@pytest.mark.parametrize("backbone", [pytest.param(RESNET, marks=pytest.mark.slow), OSNET], ids=["resnet", "osnet"])
def test_fast_reids_backbones_train_under_dcac(make_trainer, backbone):
    trainer = make_trainer(
        "ma_ms.yml", *backbone, "MODEL.BACKBONE.PRETRAIN", False, "MODEL.HEADS.POOL_LAYER", "GlobalAvgPool"
    )
    first = next(p for p in trainer.model.backbone.parameters() if p.requires_grad)
    before = first.detach().clone()
    assert losses(trainer)[0]["loss_diffusion"] > 0
    assert not torch.equal(first, before)


def test_clip_trains_under_fast_reids_baseline_and_trainer(make_cfg, tiny_data, tmp_path):
    """fast-reid's own DefaultTrainer, meta-architecture and losses, with nothing of ours but the backbone."""
    opts = ("MODEL.META_ARCHITECTURE", "Baseline", "MODEL.LOSSES.NAME", "('CrossEntropyLoss', 'TripletLoss')")
    schedule = ("SOLVER.SCHED", "MultiStepLR", "OUTPUT_DIR", str(tmp_path))
    cfg = dcac_fastreid.data.with_local_weights(
        make_cfg("baseline/ma_ms.yml", *opts, *schedule, "MODEL.DEVICE", DEVICE)
    )
    dcac_fastreid.data.use_data_root(cfg)
    trainer = DefaultTrainer(cfg)
    before = trainer.model.backbone.tower.proj.detach().clone()
    assert losses(trainer)[0].keys() == {"loss_cls", "loss_triplet"}
    assert not torch.equal(trainer.model.backbone.tower.proj, before)


def test_fast_reids_own_trainer_does_not_train_dcac_in_silence(make_cfg, tmp_path):
    cfg = make_cfg("baseline/ma_ms.yml", "OUTPUT_DIR", str(tmp_path), "MODEL.DEVICE", DEVICE)
    dcac_fastreid.data.use_data_root(cfg)
    cfg = dcac_fastreid.data.with_local_weights(cfg)
    cfg.defrost()
    cfg.SOLVER.SCHED = "MultiStepLR"
    with pytest.raises(RuntimeError, match="dcac-fastreid train"):
        train(DefaultTrainer(cfg))


def test_fast_reids_predictor_gives_the_trained_features(make_trainer):
    trainer = make_trainer()
    train(trainer)
    file = str(Path(trainer.cfg.OUTPUT_DIR) / "model_final.pth")
    images = 255 * torch.rand(2, 3, 128, 64)
    with torch.no_grad():
        expected = trainer.model.eval()({"images": images.clone()})
    for cfg in (dcac_fastreid.load_config(str(Path(trainer.cfg.OUTPUT_DIR) / "config.yaml")), trainer.cfg.clone()):
        cfg.defrost()
        cfg.MODEL.WEIGHTS = file
        assert torch.equal(DefaultPredictor(cfg)(images.clone()), expected)
