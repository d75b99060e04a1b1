"""Push and pull by huggingface_hub, against a folder and a server of our own."""

import base64
import hashlib
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import numpy as np
import pytest
import torch
from mdpr.engine.network import build_network
from mdpr.errors import CheckpointError, InputError
from mdpr.inference.packing import pack
from mdpr.inference.sources import from_config
from support.configs import ONE_BRANCH, tiny_config

huggingface_hub = pytest.importorskip("huggingface_hub", reason="an extra: pip install 'mdpr[hub]'")
hub = pytest.importorskip("mdpr.inference.hub")

IMAGES = np.random.default_rng(0).integers(0, 256, (2, 90, 50, 3)).astype(np.uint8)


@pytest.fixture(scope="module")
def model_file(make_folder):
    torch.manual_seed(0)
    cfg = tiny_config(*ONE_BRANCH)
    path = make_folder("model") / "mine.safetensors"
    pack(from_config(cfg, build_network(cfg)), path, licence="MIT")
    return path


class Repository(BaseHTTPRequestHandler):
    """As much of the Hub as one repository's files need."""

    files: dict

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        content = self.files.get(self.path.rpartition("/")[2].partition("?")[0])
        if content is None:
            self.answer(b"{}", 404, **{"X-Error-Code": "EntryNotFound"})
        else:
            tag = hashlib.sha256(content).hexdigest()
            self.answer(content, 200, ETag=f'"{tag}"', **{"X-Repo-Commit": "c" * 40})

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path.endswith("/create"):
            url = f"http://{self.headers['Host']}/me/mine"
            return self.answer(json.dumps({"url": url, "id": "me/mine"}).encode())
        if "/preupload/" in self.path:
            names = [one["path"] for one in json.loads(body)["files"]]
            modes = [{"path": name, "uploadMode": "regular", "shouldIgnore": False} for name in names]
            return self.answer(json.dumps({"files": modes}).encode())
        if "/commit/" not in self.path:  # such as the check of a model card
            return self.answer(b'{"errors": [], "warnings": []}')
        for line in body.splitlines():
            entry = json.loads(line)
            if entry["key"] == "file":
                self.files[entry["value"]["path"]] = base64.b64decode(entry["value"]["content"])
        done = {
            "commitUrl": f"http://{self.headers['Host']}/me/mine/commit/{'c' * 40}",
            "commitOid": "c" * 40,
            "success": True,
        }
        return self.answer(json.dumps(done).encode())

    def answer(self, content, status=200, **headers):
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, *_):
        pass


@pytest.fixture
def server(monkeypatch, tmp_path):
    handler = type("Handler", (Repository,), {"files": {}})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    Thread(target=server.serve_forever, daemon=True).start()
    endpoint = f"http://127.0.0.1:{server.server_port}"
    constants = huggingface_hub.constants
    monkeypatch.setattr(constants, "ENDPOINT", endpoint)
    monkeypatch.setattr(
        constants, "HUGGINGFACE_CO_URL_TEMPLATE", endpoint + "/{repo_id}/resolve/{revision}/{filename}"
    )
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    yield handler.files
    server.shutdown()
    server.server_close()


def test_a_folder_is_a_repository(model_file, tmp_path):
    embedder = hub.HubEmbedder(model_file)
    embedder.save_pretrained(tmp_path)
    assert (tmp_path / "model.safetensors").read_bytes() == model_file.read_bytes()
    card = (tmp_path / "README.md").read_text()
    assert card.startswith("---\nlibrary_name: mdpr\n")
    assert "license: mit" in card
    assert str(model_file.parent) not in card
    found = hub.HubEmbedder.from_pretrained(tmp_path, batch_size=2)
    assert found.batch_size == 2
    np.testing.assert_array_equal(found(IMAGES), embedder(IMAGES))


def test_push_and_pull(model_file, server):
    embedder = hub.HubEmbedder(model_file)
    embedder.push_to_hub("me/mine", token="secret")
    assert server["model.safetensors"] == model_file.read_bytes()
    assert b"library_name: mdpr" in server["README.md"]
    found = hub.HubEmbedder.from_pretrained("me/mine", token="secret")
    np.testing.assert_array_equal(found(IMAGES), embedder(IMAGES))


def test_what_was_changed_on_the_way_is_refused(model_file, server):
    content = bytearray(model_file.read_bytes())
    content[-1] ^= 1
    server["model.safetensors"] = bytes(content)
    with pytest.raises(CheckpointError, match="is not what was written"):
        hub.HubEmbedder.from_pretrained("me/mine", token="secret")


def test_only_a_model_file_goes_there(tmp_path):
    cfg = tiny_config(*ONE_BRANCH)
    with pytest.raises(InputError, match="only a model file goes to the Hub"):
        hub.HubEmbedder((cfg, build_network(cfg))).save_pretrained(tmp_path)
