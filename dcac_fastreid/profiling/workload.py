"""What does the benchmark measure? The paper's sizes, and small ones on which the same code runs in seconds."""

from dataclasses import dataclass
from pathlib import Path

from dcac_fastreid.engine import load_config

# Models of other configs than ma_ms.yml; all short cuts are theirs too.
OTHERS = {"baseline": "baseline/ma_ms", "frozen": "ablation/ma_ms/frozen", "full": "ablation/ma_ms/full"}


@dataclass(frozen=True)
class Workload:
    """Sizes of everything that is measured.

    Attributes:
        name: "real" or "tiny".
        folder: of the configs, with ma_ms.yml, baseline/ and ablation/ma_ms/ in it.
        num_classes: N, identities of the training set; Market1501 has 751.
        device: "cpu" or "cuda".
        batch: images of a training step.
        steps: of one timing.
        extracted: images of one batch of feature extraction.
        given: queries and gallery images of the ranking of given distances.
        searched: queries, gallery images, identities and cameras of the ranking of features; MSMT17's.
        matrix: side of the square matrices whose product measures the machine.
    """

    name: str
    folder: Path
    num_classes: int
    device: str
    batch: int
    steps: int
    extracted: int
    given: tuple[int, int]
    searched: tuple[int, int, int, int]
    matrix: int

    def config(self, name: str, *, batch: int = 0):
        """A config that trains at a learning rate of 0: on the CPU in fp32, on a GPU in bf16."""
        on_gpu = self.device == "cuda"
        return load_config(
            str(self.folder / f"{name}.yml"),
            [
                "MODEL.DEVICE", self.device,
                "MODEL.BACKBONE.PRETRAIN", False,
                "SEED", 0,
                "SOLVER.IMS_PER_BATCH", batch or self.batch,
                "SOLVER.BASE_LR", 0.0,
                "SOLVER.AMP.ENABLED", on_gpu,
                "SOLVER.AMP.DTYPE", "bf16",
            ],
        )  # fmt: skip


def workload(size: str, device: str, configs: Path) -> Workload:
    """The workload of a size, "real" or "tiny".

    Args:
        configs: the folder configs/DCAC.
    """
    on_gpu = device == "cuda"
    if size == "tiny":
        return Workload(
            name=size,
            folder=configs / "synthetic",
            num_classes=8,
            device=device,
            batch=4,
            steps=2,
            extracted=8,
            given=(20, 400),
            searched=(40, 300, 10, 3),
            matrix=256,
        )
    return Workload(
        name=size,
        folder=configs,
        num_classes=751,
        device=device,
        batch=64 if on_gpu else 4,
        steps=20 if on_gpu else 1,
        extracted=512 if on_gpu else 32,
        given=(1_000, 20_000),
        searched=(11_659, 82_161, 3_060, 15),
        matrix=8_192 if on_gpu else 4_096,
    )
