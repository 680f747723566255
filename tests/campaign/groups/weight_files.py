"""Files in the place of weights: damaged, malicious, foreign, of odd content, through every door that reads weights."""

from __future__ import annotations

import io
import json
import os
import pickle
import random
import shutil
import struct
import tarfile
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Iterator
from pathlib import Path

from ..case import Case, Ground
from ..ground import BASELINE, DCAC, training

SUFFIXES = (".pth", ".pt", ".bin", ".ckpt", ".safetensors")
Make = Callable[[Ground, Path], None]


class Evil:
    """Makes the folder "ran" when it is unpickled."""

    def __reduce__(self):
        return os.mkdir, ("ran",)


def content(ground: Ground) -> dict:
    import torch

    return torch.load(ground.run / "model_final.pth", map_location="cpu")


def changed(change: Callable[[dict], object]) -> Make:
    """A checkpoint whose weights were changed in place, or replaced by the dictionary that `change` returns."""

    def make(ground: Ground, file: Path) -> None:
        import torch

        checkpoint = content(ground)
        replaced = change(checkpoint["model"])
        torch.save(replaced if isinstance(replaced, dict) else checkpoint, file)

    return make


def each(function: Callable) -> Callable[[dict], None]:
    def change(model: dict) -> None:
        for key, weight in model.items():
            model[key] = function(weight)

    return change


def one(value: Callable, key: str = "backbone.class_embedding") -> Callable[[dict], None]:
    def change(model: dict) -> None:
        found = key if key in model else next(iter(model))
        model[found] = value(model[found])

    return change


def bytes_changed(change: Callable[[bytearray, random.Random], bytes | None], source: str = "model_final.pth") -> Make:
    def make(ground: Ground, file: Path) -> None:
        data = bytearray((ground.run / source).read_bytes())
        file.write_bytes(change(data, random.Random(file.name)) or data)

    return make


def flip(data: bytearray, draw: random.Random, at: float | None = None) -> None:
    place = draw.randrange(len(data)) if at is None else min(int(at * len(data)), len(data) - 1)
    data[place] ^= 1 << draw.randrange(8)


def records(change: Callable[[dict[str, bytes]], dict[str, bytes]], **options) -> Make:
    """The checkpoint's archive with other records."""

    def make(ground: Ground, file: Path) -> None:
        with zipfile.ZipFile(ground.run / "model_final.pth") as archive:
            found = {name: archive.read(name) for name in archive.namelist()}
        with zipfile.ZipFile(file, "w", **options) as archive:
            for name, data in change(found).items():
                archive.writestr(name, data)

    return make


def replace(ending: str, data: bytes) -> Callable[[dict], dict]:
    return lambda found: {name: data if name.endswith(ending) else old for name, old in found.items()}


def raw(data: bytes) -> Make:
    return lambda ground, file: file.write_bytes(data)


def saved(value: Callable[[], object], **options) -> Make:
    def make(ground: Ground, file: Path) -> None:
        import torch

        torch.save(value(), file, **options)

    return make


def script_that_writes(folder: str) -> Make:
    """A TorchScript archive with a __setstate__ that writes the file "marker", its code below a folder of this name."""

    def make(ground: Ground, file: Path) -> None:
        import torch

        from ...tensor_files.malicious import WritesAFile

        torch.jit.save(torch.jit.script(WritesAFile()), str(file))
        with zipfile.ZipFile(file) as archive:
            found = {name: archive.read(name) for name in archive.namelist()}
        with zipfile.ZipFile(file, "w") as archive:
            for name, data in found.items():
                archive.writestr(name.replace("/code/", f"/{folder}/"), data)

    return make


def script_of_weights(ground: Ground, file: Path) -> None:
    import torch

    torch.jit.save(torch.jit.script(torch.nn.Linear(3, 2).half()), str(file))


def safetensors(header: bytes | dict, data: bytes = b"", length: int | None = None) -> Make:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return raw(struct.pack("<Q", len(text) if length is None else length) + text + data)


def safe_checkpoint(**metadata: str) -> Make:
    def make(ground: Ground, file: Path) -> None:
        from safetensors.torch import save_file

        save_file({k: v.clone() for k, v in content(ground)["model"].items()}, file, metadata)

    return make


def carrying(config: object) -> Make:
    def make(ground: Ground, file: Path) -> None:
        import torch

        torch.save({**content(ground), "encoder_config": config}, file)

    return make


def expanded() -> dict:
    import torch

    return {"model": {"weight": torch.zeros(1).expand(10**7, 10**4)}}


def folder(ground: Ground, file: Path) -> None:
    file.mkdir()


def pipe(ground: Ground, file: Path) -> None:
    os.mkfifo(file)


def device(ground: Ground, file: Path) -> None:
    file.symlink_to("/dev/zero")


def loop(ground: Ground, file: Path) -> None:
    file.symlink_to(file.name)


def tar(ground: Ground, file: Path) -> None:
    with tarfile.open(file, "w") as archive:
        archive.add(ground.photos / "query.jpg", "a.jpg")


def bomb(ground: Ground, file: Path) -> None:
    with (
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("archive/data.pkl", "w", force_zip64=True) as record,
    ):
        for _ in range(64):
            record.write(bytes(2**24))


def pickled(value: object, protocol: int = 2) -> bytes:
    stream = io.BytesIO()
    pickle.dump(value, stream, protocol)
    return stream.getvalue()


def foreign_files() -> dict[str, Make]:
    """What is no file of weights, or one whose archive or pickle is not what torch.save writes."""
    import torch

    lfs = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 123456\n"
    return {
        "empty": raw(b""),
        "one byte": raw(b"x"),
        "text": raw(b"hello\n" * 100),
        "a page": raw(b"<!DOCTYPE html><html><body>404</body></html>"),
        "a pointer of Git LFS": raw(lfs),
        "noise": raw(random.Random(0).randbytes(10_000)),
        "json": raw(b'{"message": "rate limit"}'),
        "an image": lambda ground, file: shutil.copy(ground.photos / "query.jpg", file),
        "a tar": tar,
        "a bomb": bomb,
        "a folder": folder,
        "a pipe": pipe,
        "a device": device,
        "a link to itself": loop,
        "zip of text": records(lambda _: {"a.txt": b"x"}),
        "an empty zip": records(lambda _: {}),
        "compressed": records(dict, compression=zipfile.ZIP_DEFLATED),
        "no checksum record": records(dict),
        "no data.pkl": records(lambda found: {n: d for n, d in found.items() if not n.endswith("data.pkl")}),
        "no tensors": records(lambda found: {n: d for n, d in found.items() if "/data/" not in n}),
        "short tensors": records(lambda found: {n: d[: len(d) // 2] if "/data/" in n else d for n, d in found.items()}),
        "names in capitals": records(lambda found: {n.upper(): d for n, d in found.items()}),
        "a record outside": records(lambda found: {**found, "../../out": b"x"}),
        "evil data.pkl": records(replace("data.pkl", pickled(Evil()))),
        "evil old pickle": raw(pickled(Evil())),
        "evil protocol 5": raw(pickled({"model": Evil()}, 5)),
        "deep pickle": raw(b"\x80\x02" + b"(" * 5000 + b"t" * 5000 + b"."),
        "a long number": raw(b"\x80\x02\x8b\xff\xff\xff\x7f."),
        "endless memo": raw(b"\x80\x02}" + b"r\xff\xff\xff\x7f" + b"."),
        "evil entry": saved(lambda: {"model": {"weight": torch.zeros(1)}, "x": Evil()}),
        "evil old format": saved(lambda: {"model": Evil()}, _use_new_zipfile_serialization=False),
        "script that writes": script_that_writes("code"),
        "script that writes, Code": script_that_writes("Code"),
        "script that writes, CODE": script_that_writes("CODE"),
        "script of weights": script_of_weights,
    }


def odd_contents() -> dict[str, Make]:
    """What torch.save wrote, of values that are no checkpoint, or a checkpoint with odd weights."""
    import torch

    return {
        "list": saved(lambda: [torch.zeros(1)]),
        "tensor": saved(lambda: torch.zeros(3)),
        "number": saved(lambda: 3),
        "None": saved(lambda: None),
        "nothing in it": saved(dict),
        "model is None": saved(lambda: {"model": None}),
        "model is empty": saved(lambda: {"model": {}}),
        "model is a list": saved(lambda: {"model": [1]}),
        "numbers as names": saved(lambda: {"model": {1: torch.zeros(1), None: torch.zeros(1)}}),
        "text as weights": saved(lambda: {"model": OrderedDict(a="b")}),
        "expanded": saved(expanded),
        "in itself": saved(lambda: _in_itself()),
        "a module": saved(lambda: torch.nn.Linear(2, 2)),
        "nan": changed(one(lambda w: w.fill_(float("nan")))),
        "infinite": changed(one(lambda w: w.fill_(float("inf")))),
        "all nan": changed(each(lambda w: w.float() * float("nan"))),
        "None for a weight": changed(one(lambda w: None)),
        "a word for a weight": changed(one(lambda w: "x")),
        "a number for a weight": changed(one(lambda w: 1.5)),
        "a list for a weight": changed(one(lambda w: [w])),
        "sparse": changed(one(lambda w: w.to_sparse())),
        "meta": changed(one(lambda w: w.to("meta"))),
        "complex": changed(one(lambda w: w.to(torch.complex64))),
        "whole numbers": changed(each(lambda w: w.to(torch.int8))),
        "float64": changed(each(lambda w: w.double() if w.is_floating_point() else w)),
        "half": changed(each(lambda w: w.half() if w.is_floating_point() else w)),
        "bool": changed(one(lambda w: w > 0)),
        "empty weights": changed(each(lambda w: w[:0] if w.ndim else w)),
        "one number each": changed(each(lambda w: torch.zeros(()))),
        "transposed": changed(each(lambda w: w.mT.contiguous() if w.ndim == 2 else w)),
        "another size": changed(one(lambda w: torch.cat([w, w]), "backbone.positional_embedding")),
        "one too few": changed(lambda m: m.pop(next(iter(m)))),
        "one too many": changed(lambda m: m.update({"backbone.more": torch.zeros(1)})),
        "weights alone": changed(dict),
        "with module.": changed(lambda m: {"model": {f"module.{k}": w for k, w in m.items()}}),
        "other names": changed(lambda m: {"model": {k.replace("backbone", "base"): w for k, w in m.items()}}),
        "names with line ends": changed(lambda m: {"model": {f"a\n{k}": w for k, w in m.items()}}),
    }


def safe_files() -> dict[str, Make]:
    """Odd .safetensors, and checkpoints that carry an odd config."""
    return {
        "no header": safetensors(b""),
        "a header of nothing": safetensors(b"{}"),
        "a header that is no json": safetensors(b"{x"),
        "a header too long": safetensors(b"{}", length=2**62),
        "a header of a list": safetensors(b"[]"),
        "offsets beyond": safetensors({"a": {"dtype": "F32", "shape": [10**9], "data_offsets": [0, 4 * 10**9]}}),
        "offsets that overlap": safetensors(
            {n: {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]} for n in "ab"}, bytes(4)
        ),
        "a negative shape": safetensors({"a": {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]}}, bytes(4)),
        "an unknown type": safetensors({"a": {"dtype": "F33", "shape": [1], "data_offsets": [0, 4]}}, bytes(4)),
        "a safe checkpoint": safe_checkpoint(),
        "metadata of rubbish": safe_checkpoint(encoder_config="{", selected_on="{"),
        "metadata of a list": safe_checkpoint(encoder_config="[1]", selected_on="3"),
        "config: number": carrying(3),
        "config: list": carrying([1]),
        "config: word": carrying("hello"),
        "config: empty": carrying(""),
        "config: itself": carrying("&a [*a]"),
        "config: large": carrying("A: " + "x" * 3_000_000),
        "config: base": carrying("_BASE_: /etc/passwd"),
        "config: python": carrying("!!python/object/apply:os.mkdir [ran]"),
        "config: another model": carrying("MODEL: {BACKBONE: {NAME: build_resnet_backbone}}"),
        "config: odd size": carrying("INPUT: {SIZE_TEST: [0, 0]}"),
    }


def kinds() -> dict[str, Make]:
    made = foreign_files() | odd_contents() | safe_files()
    made |= {
        f"cut to {part}": bytes_changed(lambda data, _, part=part: bytes(data[: int(part * len(data))]))
        for part in (0.01, 0.5, 0.99)
    }
    made |= {f"bit {n}": bytes_changed(flip) for n in range(6)}
    places = (0.0, 0.0001, 0.001, 0.3, 0.999, 0.99999, 1.0)
    made |= {f"bit at {at}": bytes_changed(lambda data, draw, at=at: flip(data, draw, at)) for at in places}
    made |= {
        "bytes behind": bytes_changed(lambda data, _: bytes(data) + b"x" * 1000),
        "bytes before": bytes_changed(lambda data, _: b"x" * 1000 + bytes(data)),
    }
    return made


def _in_itself() -> dict:
    tree: dict = {}
    tree["model"] = tree
    return tree


def doors(file: str) -> dict[str, tuple[str, ...]]:
    return {
        "test": training(BASELINE, "out", "--eval-only", "MODEL.WEIGHTS", file),
        "train": training(BASELINE, "out", "MODEL.WEIGHTS", file),
        "CLIP": training(BASELINE, "out", "MODEL.BACKBONE.PRETRAIN_PATH", file),
        "Stable Diffusion": training(DCAC, "out", "MODEL.DCAC.DIFFUSION.WEIGHTS", file),
        "index": ("search", "index", "--checkpoint", file, "--gallery", "{photos}/gallery", "--index", "out"),
        "features": ("extract_features", "--checkpoint", file, "--input", "{photos}/gallery", "--output", "out"),
        "export_model": ("export_model", "--checkpoint", file, "--output", "encoder.pt2"),
        "export_weights": ("export_weights", "--config-file", BASELINE, "--output", "out", "MODEL.WEIGHTS", file),
        "convert": ("convert_checkpoint", "--input", file, "--output", "out.pth"),
        "visualize": (
            "visualize",
            "distances",
            "--checkpoint",
            file,
            "--config-file",
            BASELINE,
            "--output",
            "out",
            "DATASETS.ROOT",
            "{data_root}",
        ),
    }


def cases() -> Iterator[Case]:
    for number, (name, make) in enumerate(kinds().items()):
        for place, door in enumerate(doors("")):
            # Two suffixes a door: which ones goes round.
            for suffix in {SUFFIXES[(number + place) % 5], SUFFIXES[(2 * number + place + 1) % 5]}:
                yield Case("weights", f"{name}{suffix}, {door}", doors(f"odd{suffix}")[door], _made(make, suffix))
    for part in ("unet", "vae"):
        for name, make in kinds().items():
            words = training(DCAC, "out", "MODEL.DCAC.DIFFUSION.WEIGHTS", "sd")
            yield Case("weights", f"{name}, {part}", words, _in_a_folder(make, part, ".safetensors"))
            yield Case("weights", f"{name}, {part} .bin", words, _in_a_folder(make, part, ".bin"))


def _made(make: Make, suffix: str) -> Callable[[Ground], None]:
    return lambda ground: make(ground, ground.own / f"odd{suffix}")


def _in_a_folder(make: Make, part: str, suffix: str) -> Callable[[Ground], None]:
    def arrange(ground: Ground) -> None:
        import dcac_fastreid

        shutil.copytree(dcac_fastreid.data.weights_path("synthetic:stable-diffusion"), ground.own / "sd")
        file = next((ground.own / "sd" / part).glob("*.safetensors"))
        file.unlink()
        make(ground, file.with_suffix(suffix))

    return arrange
