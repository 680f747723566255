"""A detector that was trained: people of the synthetic data set are found in scenes that it has never seen, and known again."""

import csv
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.models import get_model
from torchvision.ops import box_iou

from dcac_fastreid.deploy import FeatureExtractor
from dcac_fastreid.deploy.detector import PersonDetector
from dcac_fastreid.deploy.search.crop_folder import TABLE, crop_photos

NAME = "ssdlite320_mobilenet_v3_large"
STEPS, BATCH = 120, 8


def scene(
    rng, people: list[Image.Image], size: tuple[int, int], most: int = 3
) -> tuple[Image.Image, list[tuple], list]:
    """People on a background of soft colours, beside each other; their boxes, and which they are."""
    cells = rng.integers(2, 9)
    photo = Image.fromarray(rng.integers(0, 256, (cells, cells, 3), dtype=np.uint8)).resize(
        size, Image.Resampling.BICUBIC
    )
    boxes, which = [], []
    for _ in range(rng.integers(1, most + 1)):
        height = int(rng.uniform(0.3, 0.7) * size[1])
        left, top = int(rng.integers(0, size[0] - height // 2)), int(rng.integers(0, size[1] - height))
        box = left, top, left + height // 2, top + height
        if not any(
            box[0] < other[2] and other[0] < box[2] and box[1] < other[3] and other[1] < box[3] for other in boxes
        ):
            which.append(int(rng.integers(len(people))))
            photo.paste(people[which[-1]].resize((height // 2, height)), (left, top))
            boxes.append(box)
    return photo, boxes, which


def as_tensor(photo: Image.Image) -> torch.Tensor:
    return torch.from_numpy(np.array(photo)).permute(2, 0, 1) / 255


def people_of(folder: Path) -> list[Image.Image]:
    return [Image.open(file).convert("RGB") for file in sorted(folder.glob("*.jpg"))]


@pytest.fixture(scope="module")
def trained(tiny_data, tmp_path_factory) -> Path:
    """Weights, from nothing, in two minutes."""
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    people = people_of(tiny_data / "Market-1501-v15.09.15/bounding_box_train")
    model = get_model(NAME, weights=None, weights_backbone=None).train()
    for layer in model.backbone.modules():  # torchvision's lets all features vanish
        if isinstance(layer, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(layer.weight, mode="fan_out")
        elif isinstance(layer, torch.nn.BatchNorm2d):
            layer.momentum = 0.1
    optimizer = torch.optim.AdamW(model.parameters())
    for step in range(STEPS):
        optimizer.param_groups[0]["lr"] = 2e-3 * min(1, (step + 1) / 10) * (1 - step / STEPS)
        photos, boxes, _ = zip(*(scene(rng, people, (320, 320)) for _ in range(BATCH)), strict=True)
        targets = [{"boxes": torch.tensor(each).float(), "labels": torch.ones(len(each)).long()} for each in boxes]
        loss = sum(model([as_tensor(photo) for photo in photos], targets).values())
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 5)
        optimizer.step()
    file = tmp_path_factory.mktemp("trained") / "detector.pth"
    torch.save(model.state_dict(), file)
    return file


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_trained_detector_finds_people_who_are_then_known_again(trained, tiny_data, tmp_path):
    rng = np.random.default_rng(1)
    people = people_of(tiny_data / "Market-1501-v15.09.15/query")
    (tmp_path / "photos").mkdir()
    truth = {}
    for number in range(20):
        photo, *drawn = scene(rng, people, (960, 720))
        photo.save(tmp_path / "photos" / f"{number}.png")
        truth[f"{number}.png"] = drawn
    crops = crop_photos([tmp_path / "photos"], PersonDetector(trained, "cpu"), tmp_path / "crops")
    with open(crops.folder / TABLE, newline="") as stream:
        lines = [line for line in csv.DictReader(stream) if line["path"]]
    extract = FeatureExtractor("synthetic", device="cpu")
    similarity = extract([crops.folder / line["path"] for line in lines]) @ extract(people).T

    there = sum(len(boxes) for boxes, _ in truth.values())
    found, known = set(), 0
    for line, row in zip(lines, similarity, strict=True):
        boxes, which = truth[Path(line["photo"]).name]
        box = torch.tensor([[float(line[side]) for side in ("left", "top", "right", "bottom")]])
        overlap, place = box_iou(box, torch.tensor(boxes).float())[0].max(0)
        if overlap > 0.5 and (line["photo"], int(place)) not in found:
            found.add((line["photo"], int(place)))
            known += int(row.argmax()) == which[place]
    print(f"{there} people, {len(lines)} crops, {len(found)} of the people found, {known} known again")
    assert len(found) >= 0.6 * there and len(lines) < 2.5 * there
    assert known >= 0.6 * len(found)
