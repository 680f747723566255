"""No file makes its reader take more memory than its own size and 100 MB before its tensors are there."""

import functools
import io
import json
import os
import pickle
import resource
import struct
import time
import zipfile
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from dcac_fastreid.checkpoint import carried_config
from dcac_fastreid.errors import InputError
from dcac_fastreid.tensor_files import read_metadata, read_tensor_file

ALLOWED = 100e6
BIG = 7 << 20  # opcodes of a byte
PROTO, STOP = b"\x80\x02", b"."
NAMED = b"c__main__\nA\n"


def archive(file: Path, records: dict[str, bytes], compressed=()) -> None:
    with zipfile.ZipFile(file, "w") as made:
        for name, content in records.items():
            made.writestr(f"a/{name}", content, zipfile.ZIP_DEFLATED if name in compressed else zipfile.ZIP_STORED)


def storage(numel: int, kind: bytes = b"FloatStorage") -> bytes:
    """Opcodes: the storage 0 of so many numbers."""
    return b"(X\x07\0\0\0storagectorch\n" + kind + b"\nX\x01\0\0\x000X\x03\0\0\0cpu" + number(numel) + b"tQ"


def number(value: int) -> bytes:
    return pickle.dumps(value, 2)[2:-1]


def tensor(numel: int, shape: tuple, stride: tuple, offset: int = 0) -> bytes:
    """A pickle: {"a": a tensor}."""
    sizes = b"(" + b"".join(map(number, shape)) + b"t(" + b"".join(map(number, stride)) + b"t"
    rebuilt = b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage(numel) + number(offset) + sizes + b"\x89}tR"
    return PROTO + b"}X\x01\0\0\0a" + rebuilt + b"s."


PICKLES = {
    "sets": PROTO + b"\x8f" * BIG + STOP,
    "dictionaries": PROTO + b"}" * BIG + STOP,
    "lists": PROTO + b"]" * BIG + STOP,
    "marks": PROTO + b"(" * BIG + STOP,
    "nested tuples": PROTO + b")" + b"\x85" * BIG + STOP,
    "nested lists": PROTO + b"]" * 100_000 + b"a" * 99_999 + STOP,
    "memo": PROTO + b"Nr\xff\xff\xff\xff" + STOP,
    "memo of many": PROTO + b"N" + b"".join(b"r" + struct.pack("<I", 977 * at) for at in range(BIG // 5)) + STOP,
    "calls": PROTO + NAMED + b"q\0" + b"h\0)R" * (BIG // 4) + STOP,
    "objects": PROTO + NAMED + b"q\0" + b"h\0)\x81" * (BIG // 4) + STOP,
    "a long text": PROTO + b"X\xff\xff\xff\x7fabc" + STOP,
    "a longer text": PROTO + b"\x8d" + struct.pack("<Q", 2**40) + b"abc" + STOP,
    "an array of bytes": PROTO + b"\x96" + struct.pack("<Q", 2**33) + b"abc" + STOP,
    "bytearray of a number": PROTO + b"c__builtin__\nbytearray\n" + number(2**34) + b"\x85R" + STOP,
    "a long number": PROTO + b"\x8b\xff\xff\xff\x7f" + STOP,
    "a number as long as the file": PROTO + b"\x8b" + struct.pack("<i", BIG) + b"\1" * BIG + STOP,
    "one text again and again": PROTO + b"X" + struct.pack("<I", BIG) + b"a" * BIG + b"q\0" + b"h\0\x85" * 99 + STOP,
    "copies of a text": PROTO + b"c_codecs\nencode\nq\1X" + struct.pack("<I", 1 << 20) + b"a" * (1 << 20) + b"q\0"
    + b"h\1h\0\x85R" * 20_000 + STOP,
    "arguments of a text": PROTO + b"ctorch\nSize\nX" + struct.pack("<I", BIG) + b"a" * BIG + b"R" + STOP,
    "copies of a list": PROTO + b"ctorch\nSize\nq\1]q\0(" + b"N" * 99_999 + b"e" + b"0h\1h\0\x85R" * 20_000 + STOP,
    "tensors of one": tensor(1, (10**10,), (0,)),
    "a tensor beyond its storage": tensor(4, (10**5, 10**5), (1, 1)),
    "a tensor behind its storage": tensor(4, (2,), (1,), offset=10**10),
    "a storage beyond its record": tensor(10**10, (10**10,), (1,)),
    "a negative size": tensor(4, (-1,), (1,)),
    "thousands of dimensions": tensor(1, (1,) * 500_000, (1,) * 500_000),
    "many tensors": PROTO + b"]" + storage(4) + b"q\0ctorch._utils\n_rebuild_tensor_v2\nq\1((h\0K\0K\4\x85K\1\x85\x89}tq\2"
    + b"h\1h\2R" * (BIG // 5) + b"e.",
}  # fmt: skip

SAME_HASH = [at * (2**61 - 1) for at in range(1, 100_000)]
# Short to read, and without end to put together.
PICKLES |= {
    "keys of one hash": PROTO + b"}(" + b"".join(number(key) + b"N" for key in SAME_HASH) + b"u.",
    "keys of one hash in tuples": PROTO + b"}(" + b"".join(number(key) + b"\x85N" for key in SAME_HASH) + b"u.",
    "a set of one hash": PROTO + b"\x8f(" + b"".join(map(number, SAME_HASH)) + b"\x90.",
    "memo of one hash": PROTO + b"N" + b"".join(b"p%d\n" % key for key in SAME_HASH) + STOP,
    "sets of equal values": PROTO + b"cbuiltins\nset\nq\1]q\0(" + b"N" * 99_999 + b"e" + b"0h\1h\0\x85R" * 20_000 + STOP,
    "long names": PROTO + b"X" + struct.pack("<I", 1 << 20) + b"a" * (1 << 20) + b"q\0" + b"h\0h\0\x93" * 20_000 + STOP,
    "numbers of long names": PROTO + b"cstorage\n" + b"A" * (1 << 20) + b"\nq\1" + b"".join(
        b"(X\x07\0\0\0storageh\1X\1\0\0\x000X\3\0\0\0cpuK\4tQ" for _ in range(5_000)) + STOP,
}  # fmt: skip


def deflated(file):
    archive(file, {"data.pkl": tensor(2**28, (2**28,), (1,)), "data/0": bytes(2**20) * 300}, compressed={"data/0"})


def deflated_pickle(file):
    archive(file, {"data.pkl": PROTO + b"]" * (300 << 20) + STOP}, compressed={"data.pkl"})


def deflated_code(file):
    content = PROTO + b"c__torch__\nA\n)\x81}X\1\0\0\0aNsb."
    archive(file, {"data.pkl": content, "code/__torch__.py": b"class A:\n" * (30 << 20)}, {"code/__torch__.py"})


def modules_in_each_other(file):
    """A TorchScript of sixty modules, each of which has the next one under two names."""
    inner = b"h\1)\x81}bq\3" + b"h\1)\x81}(X\1\0\0\0ah\3X\1\0\0\0bh\3ubq\3" * 60
    archive(
        file, {"data.pkl": PROTO + b"c__torch__\nA\nq\1" + inner + b".", "code/__torch__.py": b"class A(Module):\n"}
    )


def many_records(file):
    archive(file, {"data.pkl": PROTO + b"}.", **{f"data/{number}": b"" for number in range(250_000)}})


def a_record_many_times(file):
    """Its directory says ten thousand times the same place."""
    size = 1 << 20
    archive(file, {"data.pkl": PROTO + b"}.", "data/0": bytes(size)})
    with zipfile.ZipFile(file, "a") as made:
        found = made.getinfo("a/data/0")
        for number in range(1, 10_000):
            again = zipfile.ZipInfo(f"a/data/{number}")
            again.header_offset, again.CRC = found.header_offset, found.CRC
            again.file_size = again.compress_size = size
            made.filelist.append(again)
            made.NameToInfo[again.filename] = again
        made._didModify = True


def header(file, text: bytes, data: bytes = b"") -> None:
    file.write_bytes(struct.pack("<Q", len(text)) + text + data)


def safetensors_of_many(file):
    each = b'"%d":{"dtype":"F32","shape":[],"data_offsets":[0,0]}'
    header(file, b"{" + b",".join(each % at for at in range(400_000)) + b"}")


def safetensors_of_a_long_shape(file):
    header(file, b'{"a":{"dtype":"F32","shape":[' + b"1," * 5_000_000 + b'1],"data_offsets":[0,4]}}', bytes(4))


def safetensors_beyond_the_file(file):
    header(file, json.dumps({"a": {"dtype": "F32", "shape": [10**10], "data_offsets": [0, 4 * 10**10]}}).encode())


def safetensors_of_a_header_alone(file):
    file.write_bytes(struct.pack("<Q", 2**40) + b"{")


FILES = {
    **{f"{name}, zip": (lambda file, name=name: archive(file, {"data.pkl": PICKLES[name], "data/0": bytes(16)}))
       for name in PICKLES},
    **{f"{name}, old": (lambda file, name=name: file.write_bytes(old(PICKLES[name]))) for name in PICKLES},
    **{make.__name__: make for make in (deflated, deflated_pickle, deflated_code, many_records, a_record_many_times,
                                        modules_in_each_other)},
    **{make.__name__: make for make in (safetensors_of_many, safetensors_of_a_long_shape, safetensors_beyond_the_file,
                                        safetensors_of_a_header_alone)},
}  # fmt: skip


def old(content: bytes) -> bytes:
    """As torch.save wrote it before PyTorch 1.6."""
    stream = io.BytesIO()
    for part in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}):
        pickle.dump(part, stream, 2)
    return stream.getvalue() + content + pickle.dumps(["0"], 2) + struct.pack("<q", 4) + bytes(16)


def memory_of(work) -> tuple[str, float, float]:
    """What a call raised, the most memory in bytes that it took beside what was there, and its seconds; in a fork."""
    into, out = os.pipe()
    if not (child := os.fork()):
        try:
            Path("/proc/self/clear_refs").write_text("5")  # the peak begins at what is there
            before, start = status("VmRSS"), time.perf_counter()
            resource.setrlimit(resource.RLIMIT_AS, (int(status("VmSize") + 4e9),) * 2)
            try:
                work()
                raised = ""
            except InputError as error:
                raised = str(error)
            took = time.perf_counter() - start
            os.write(out, json.dumps([raised[-400:], status("VmHWM") - before, took]).encode())
        finally:
            os._exit(0)
    os.close(out)
    os.waitpid(child, 0)
    with os.fdopen(into) as told:
        return tuple(json.loads(told.read() or '["it ended without a word", Infinity, 0]'))


def status(name: str) -> int:
    return next(int(line.split()[1]) * 1024 for line in open("/proc/self/status") if line.startswith(f"{name}:"))


# What takes longer than a second, by the opcodes that are read before it is refused or by the file that is made.
LONG = {"lists", "marks", "nested tuples", "nested lists", "calls", "objects", "memo of many", "many tensors"}
LONG = {f"{name}, zip" for name in LONG} | {"many_records", "deflated_pickle"}


def as_slow(kind: str):
    return pytest.param(kind, marks=[pytest.mark.slow] if kind in LONG or kind.endswith("old") else [])


@pytest.mark.parametrize("kind", [as_slow(kind) for kind in FILES])
def test_no_file_takes_more_memory_than_it_is_large(kind, tmp_path):
    file = tmp_path / ("weights.safetensors" if kind.startswith("safetensors") else "weights.pt")
    FILES[kind](file)
    raised, memory, seconds = memory_of(lambda: read_tensor_file(file))
    print(f"{kind}: {memory / 1e6:.0f} MB, {seconds:.1f} s, {raised[-150:]}")
    assert memory < file.stat().st_size + ALLOWED and seconds < 20
    assert "MemoryError" not in raised and "without a word" not in raised


@pytest.mark.parametrize("zipped", [True, False])
def test_a_real_file_takes_its_own_size(zipped, tmp_path):
    torch.save(
        {str(at): torch.zeros(10**6) for at in range(50)}, tmp_path / "a.pt", _use_new_zipfile_serialization=zipped
    )
    file, taken = tmp_path / "a.pt", {}
    for mapped in (True, False):
        raised, taken[mapped], _ = memory_of(functools.partial(read_tensor_file, file, mapped=mapped))
        assert not raised and taken[mapped] < file.stat().st_size + ALLOWED
    assert not zipped or taken[True] < 30e6, "mapped: not even its own size"
    assert memory_of(lambda: read_tensor_file(file, only=()))[1] < 30e6


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_a_large_config_in_a_file_is_refused_unread(suffix, tmp_path):
    file, text = tmp_path / f"a{suffix}", "A: [1, 2]\n" * 150_000
    weights = {"backbone.a": torch.zeros(1)}
    if suffix == ".pth":
        torch.save({"model": weights, "encoder_config": text}, file)
    else:
        save_file(weights, file, metadata={"encoder_config": text})
    raised, _, seconds = memory_of(lambda: carried_config(file))
    assert "carries a config of 1.5 MB" in raised and seconds < 2


def test_the_words_of_a_safetensors_are_not_read_without_end(tmp_path):
    save_file({"a": torch.zeros(1)}, tmp_path / "a.safetensors", metadata={"b": "c" * 4_000_000})
    with pytest.raises(InputError, match="its header has"):
        read_metadata(tmp_path / "a.safetensors")
