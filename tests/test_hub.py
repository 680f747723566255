"""Names of models on the hub; and a download from a stand-in of the hub on this machine, by the hub's own client."""

import hashlib
import http.server
import json
import os
import subprocess
import sys
import threading
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from dcac_fastreid.hub import is_hub_id


@pytest.mark.parametrize(
    "name, hub",
    [
        ("stable-diffusion-v1-5/stable-diffusion-v1-5", True),
        ("CompVis/stable-diffusion-v1-4", True),
        ("weights/stable-diffusion-v1-5", False),
        ("stable-diffusion-v1-5", False),
        ("a/b/c", False),
        ("/stable-diffusion", False),
        ("./sd", False),
        ("~/sd", False),
        ("owner/v1-5-pruned.ckpt", False),
        ("owner/v1-5-pruned.safetensors", False),
        ("someone/encoder.onnx", False),
        ("logs/ma_ms", False),  # mistyped, and no folder logs here
        ("configs/DCAC", False),
        (".cache/model", False),
        ("logs-of/model", True),
        ("here/sd", False),  # the folder exists, sd in it does not
        ("file/sd", False),  # and so does the file
        ("owner/", False),
        ("", False),
    ],
)
def test_what_is_a_hub_id(name, hub, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "here").mkdir()
    (tmp_path / "file").touch()
    assert is_hub_id(name) == hub


ID, COMMIT = "someone/an-encoder", "d" * 40
DOWNLOAD = """
import sys
from dcac_fastreid.errors import first_line
from dcac_fastreid.hub import hub_snapshot
choose = lambda names: [name for name in names if name != "model.pth"]
for name in sys.argv[1:]:
    try:
        folder = hub_snapshot(name, choose=choose, complete=lambda folder: (folder / "encoder.safetensors").is_file())
        print(folder.name, sorted(file.name for file in folder.iterdir()))
    except Exception as error:
        print("failed:", first_line(error))
assert "torch" not in sys.modules
"""


@contextmanager
def hub_of(model_id: str, folder: Path):
    """The address of a hub that has one model, the files of a folder; and a list of the paths that are asked for."""
    asked: list[str] = []
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Hub, model_id, folder, asked))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        server.server_close()


class Hub(http.server.BaseHTTPRequestHandler):
    def __init__(self, model_id: str, folder: Path, asked: list[str], *others):
        self._model_id, self._files, self._asked = model_id, sorted(folder.iterdir()), asked
        super().__init__(*others)

    def do_GET(self) -> None:
        path = self.path.split("?")[0]
        self._asked.append(path)
        api, resolve = f"/api/models/{self._model_id}", f"/{self._model_id}/resolve/{COMMIT}/"
        files = {file.name: file.read_bytes() for file in self._files}
        if path.startswith(f"{api}/tree/"):
            listed = [
                {"type": "file", "path": name, "size": len(content), "oid": hashlib.sha1(content).hexdigest()}
                for name, content in files.items()
            ]
            self._answer(json.dumps(listed).encode())
        elif path in (api, f"{api}/revision/main"):
            siblings = [{"rfilename": name} for name in files]
            self._answer(json.dumps({"id": self._model_id, "sha": COMMIT, "siblings": siblings}).encode())
        elif path.startswith(resolve) and (content := files.get(path.removeprefix(resolve))) is not None:
            self._answer(content, {"ETag": f'"{hashlib.sha256(content).hexdigest()}"', "X-Repo-Commit": COMMIT})
        else:
            self._answer(b"{}", {"X-Error-Code": "RepoNotFound"}, status=404)

    do_HEAD = do_GET

    def _answer(self, content: bytes, headers: dict[str, str] | None = None, status: int = 200) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, *words) -> None:
        """Prints nothing."""


def test_a_download_takes_what_is_chosen_and_is_found_again_without_a_network(tmp_path):
    model = tmp_path / "model"
    model.mkdir()
    for name in ("encoder.safetensors", "encoder.yml", "model.pth"):
        (model / name).write_text(f"content of {name}")
    environment = {**os.environ, "HF_HOME": str(tmp_path / "hf"), "HF_HUB_DISABLE_TELEMETRY": "1"}

    def download(*names):
        command = [sys.executable, "-c", DOWNLOAD, *names]
        finished = subprocess.run(command, env=environment, capture_output=True, text=True)
        assert finished.returncode == 0, finished.stderr
        return finished.stdout.splitlines()

    fetched = f"{COMMIT} ['encoder.safetensors', 'encoder.yml']"
    with hub_of(ID, model) as (address, asked):
        environment["HF_ENDPOINT"] = address
        found, failed = download(ID, "someone/else")
    assert found == fetched and failed.startswith("failed: ")
    assert not [path for path in asked if path.endswith("model.pth")]
    assert download(ID) == [fetched], "the server is gone"
