"""What the processes of these tests do; the same functions, called without a group, are what one process does.

Run by processes.py as "__job__", without pytest. Opts are KEY VALUE pairs of a config.
"""

import contextlib
import json
import os
import sys
import traceback
from pathlib import Path

import torch

import dcac_fastreid
from dcac_fastreid import dcac
from dcac_fastreid.data import images
from dcac_fastreid.diffusion import feedback
from dcac_fastreid.diffusion.feedback import DiffusionFeedback
from dcac_fastreid.distributed.agreement import agree_to_rounding
from dcac_fastreid.distributed.join import Place, join, leave, meet
from dcac_fastreid.distributed.shares import in_order, is_own_batch, own_share
from dcac_fastreid.engine import hooks, run_folder
from dcac_fastreid.engine.trainer import DCACTrainer
from dcac_fastreid.reid import baseline
from fastreid.engine import defaults
from fastreid.utils import comm
from fastreid.utils.events import EventStorage

CONFIGS = Path(dcac_fastreid.__file__).parents[1] / "configs" / "DCAC" / "synthetic"
BATCH = 16


def config(name: str, root: str, opts: list):
    plain = ["SOLVER.AMP.ENABLED", False, "SOLVER.CUDA_GRAPH", False]
    common = ["MODEL.DEVICE", "cpu", *plain, "SOLVER.IMS_PER_BATCH", BATCH, "SEED", 3]
    return dcac_fastreid.load_config(str(CONFIGS / name), [*common, "DATASETS.ROOT", root, *opts])


# One step of a model, without a trainer.


def one_step(name: str, root: str, opts: list, precise: bool = False) -> dict:
    """Two steps' numbers, by name, of a batch of random images; everything that looks at the batch, and the gradients."""
    cfg = config(name, root, ["MODEL.HEADS.NUM_CLASSES", 6, *opts])
    torch.manual_seed(0)
    model = DCACTrainer.build_model(cfg)
    if precise:
        model.double()
    batch = random_batch(model, torch.float64 if precise else torch.float32)
    trained = model
    if comm.get_world_size() > 1:
        trained = defaults.DistributedDataParallel(model, device_ids=[comm.get_local_rank()], broadcast_buffers=False)
    model.train()
    seen = {}
    model.heads.register_forward_hook(lambda _, inputs, outputs: see_outputs(seen, inputs[0], outputs))
    amp = torch.autocast(model.device.type, torch.bfloat16, enabled=cfg.SOLVER.AMP.ENABLED)
    for step in range(2):  # DistributedDataParallel notices at the second that a weight got no gradient
        with EventStorage(0), amp:
            losses = trained(batch)
            model.zero_grad()
            sum(losses.values()).backward()
        seen |= {f"{step} {name}": loss.detach() for name, loss in losses.items()}
    grads = {name: weight.grad for name, weight in model.named_parameters() if weight.grad is not None}
    return {"seen": seen, "buffers": dict(model.named_buffers()), "gradients": grads}


def see_outputs(seen: dict, feature_map, outputs) -> None:
    seen["feature_map"] = feature_map.detach()
    feature_map.register_hook(lambda gradient: seen.update({"gradient at the encoder": gradient}))
    seen |= {name: outputs[name].detach() for name in ("features", "cls_outputs")}


def random_batch(model, dtype) -> dict:
    """This process's rows of a batch that is the same in all; the model's prototypes and latents are random too."""
    random = torch.Generator().manual_seed(1)
    images = torch.rand(BATCH, 3, 128, 64, generator=random).to(dtype) * 255
    targets = torch.arange(BATCH) % 6
    features = torch.randn(12, model.memory.prototypes.shape[1], generator=random)
    model.memory.reset(features, (torch.arange(12) % 6).to(model.device))
    moments = dict(enumerate(torch.randn(BATCH, 8, 8, 8, generator=random)))
    if hasattr(model, "feedback"):
        model.feedback.connect_latents(lambda paths: torch.stack([moments[path] for path in paths]), 0.18215)
    rows = own_share(BATCH)
    paths = list(range(BATCH))[rows]
    return {"images": images[rows], "targets": targets[rows], "camids": (targets % 2)[rows], "img_paths": paths}


# A whole training.


def train(name: str, root: str, opts: list, resume: bool = False, fp16: bool = False) -> dict:
    """Its losses by step, the prototypes and scales of the loss, and the weights at its end. "RANK" in opts is this process's.

    Args: fp16: as on a GPU, with a scale at which the first steps are lost.
    """
    opts = [value.replace("RANK", str(comm.get_rank())) if isinstance(value, str) else value for value in opts]
    cfg = config(name, root, ["DATASETS.TESTS", (), "TEST.EVAL_PERIOD", 0, *opts])
    Path(cfg.OUTPUT_DIR).mkdir(parents=True, exist_ok=True)
    trainer = DCACTrainer(cfg)
    if fp16:
        trainer._trainer.set_dtype(torch.float16)
        trainer._trainer.grad_scaler = torch.amp.GradScaler(cfg.MODEL.DEVICE, init_scale=2.0**30)
    trainer.resume_or_load(resume)
    losses, prototypes, scales = [], [], []
    write = trainer._trainer._write_metrics

    def see(loss_dict, data_time):
        losses.append({name: float(loss.detach()) for name, loss in loss_dict.items()})
        scales.append(trainer.grad_scaler.get_scale() if trainer.grad_scaler else None)
        write(loss_dict, data_time)

    def after_reset():
        prototypes.append(trainer.model.memory.prototypes.clone())

    trainer._trainer._write_metrics = see
    at = next((i for i, hook in enumerate(trainer._hooks) if isinstance(hook, hooks.PrototypeReset)), None)
    if at is not None:
        trainer._hooks.insert(at + 1, _Calls(after_reset))
    trainer.train()
    average = trainer.checkpointer.checkpointables.get("average")
    return {
        "losses": losses,
        "prototypes": prototypes,
        "scales": scales,
        "model": {name: tensor.clone() for name, tensor in trainer.model.state_dict().items()},
        "average": average.state_dict() if average else None,
    }


def made_before_training(root: str, opts: list) -> dict:
    """How many latents this process has made, which images it has decoded, and the pixels that it trains on."""
    counted, decode = [], images.decode_image
    images.decode_image = lambda file, name: counted.append(name) or decode(file, name)
    trainer = DCACTrainer(config("ma_ms.yml", root, opts))
    latents = trainer._latents
    encoded = []

    def see(paths):
        found = latents(paths)
        encoded.append(found[-1])
        return found

    trainer._latents = see
    for hook in trainer._hooks:
        if isinstance(hook, hooks.BeforeTrain):
            hook.before_train()
    pixels = trainer.data_loader.cache.batch(range(48), torch.device("cpu"))["images"]
    images.decode_image = decode
    return {"encoded": encoded, "decoded": counted, "pixels": pixels}


def drift(far: float) -> torch.Tensor:
    """A buffer that every process has computed otherwise, by so much, when all have made it one."""
    model = torch.nn.BatchNorm1d(2)
    model.running_mean += 1 + far * comm.get_rank()
    agree_to_rounding(model)
    return model.running_mean


def pass_in_order(batches: int) -> torch.Tensor:
    """A finite pass of so many batches, the last of which is shorter, dealt out and put together."""
    whole = torch.arange(4 * batches - 1).split(4)
    return in_order([batch for number, batch in enumerate(whole) if is_own_batch(number)])


def folder_of_all(folder: str) -> str:
    """As a run that begins asks whether all processes see its folder. "RANK" in it is this process's."""
    folder = folder.replace("RANK", str(comm.get_rank()))
    claim = run_folder.take(folder)
    try:
        run_folder.check_seen_by_all(folder)
    finally:
        claim.release()
    return "seen"


class _Calls(hooks.HookBase):
    def __init__(self, function):
        self.before_epoch = function


def batches(root: str, opts: list, steps: int) -> list:
    """The first steps of a training loader: paths and pixels of this process's rows."""
    loader = dcac_fastreid.data.build_train_loader(config("ma_ms.yml", root, opts))
    loader.batch_sampler.sampler.begin_at(epoch=1, done=BATCH)
    stream = iter(loader)
    drawn = [next(stream) for _ in range(steps)]
    return [([Path(path).name for path in batch["img_paths"]], batch["images"]) for batch in drawn]


# What goes wrong when a part of it is lost, by name.


@contextlib.contextmanager
def fault(name: str):
    import pytest

    with pytest.MonkeyPatch.context() as patch:
        if name == "noise of its own in every process":
            made = DiffusionFeedback.__init__
            patch.setattr(
                DiffusionFeedback,
                "__init__",
                lambda self, denoiser, seed, *args, **named: made(
                    self, denoiser, seed + comm.get_rank(), *args, **named
                ),
            )
        elif name == "gradients that are not reduced":
            patch.setattr("fastreid.engine.defaults.DistributedDataParallel", lambda model, **_: model)
        elif name == "drives of their own":
            patch.setattr(run_folder, "APPEARS", 0.5)
        elif name == "prototypes of the own images":
            patch.setattr(hooks, "in_order", torch.cat)
        elif name == "no seam":
            for module, seam in (
                (baseline, "gathered"),
                (dcac, "gathered"),
                (feedback, "gathered"),
                (feedback, "own_rows"),
            ):
                patch.setattr(module, seam, lambda tensor: tensor)
        elif name == "a sampler of its own in every process":
            draw = dcac_fastreid.data.EpochSampler.epoch_indices
            patch.setattr(
                dcac_fastreid.data.EpochSampler,
                "epoch_indices",
                lambda self, epoch: draw(self, epoch + comm.get_rank()),
            )
        yield patch


def many(jobs: dict) -> dict:
    """Several jobs in one start of the processes, by name: [fault or "", function, arguments...]; an error becomes its text."""
    results = {}
    for name, (wrong, function, *arguments) in jobs.items():
        with fault(wrong):
            try:
                results[name] = globals()[function](*arguments)
            except Exception as error:
                if not wrong:
                    traceback.print_exc()
                results[name] = f"{type(error).__name__}: {error}"
    return results


def _begin() -> None:
    rank, number, address, folder, environment, on_gpus, job, arguments = json.loads(TOLD)  # noqa: F821
    os.environ.update(environment)
    with open(Path(folder) / f"{rank}.txt", "w") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    torch.set_num_threads(1)
    place = Place(rank, number, rank)
    join(place, meet(place, address), on_gpus=on_gpus)
    result = globals()[job](*arguments)
    torch.save(result, Path(folder) / f"{rank}.pt")
    leave()
    sys.stdout.flush()


if __name__ == "__job__":
    _begin()
