"""glyph-vlm refuses a broken model folder with exit status 78, naming the cause, before it listens."""
import json
import os
import pathlib
import shutil
import struct
import subprocess
import tempfile
import time
import unittest

import services

EX_CONFIG = 78
REFUSAL_LIMIT_S = 20
HEADER_SIZE_BYTES = 8
ANY_TENSOR = "model.language_model.layers.0.self_attn.q_proj.weight"


class Safetensors:
    """A file as header and payload, so that the header can be changed alone."""

    def __init__(self, path):
        data = path.read_bytes()
        (size,) = struct.unpack_from("<Q", data)
        self.header = json.loads(data[HEADER_SIZE_BYTES:HEADER_SIZE_BYTES + size])
        self.payload = data[HEADER_SIZE_BYTES + size:]

    def bytes(self):
        header = json.dumps(self.header).encode()
        header += b" " * (-len(header) % 8)  # tensors stay aligned
        return struct.pack("<Q", len(header)) + header + self.payload

    def tensors(self):
        return sorted(name for name in self.header if name != "__metadata__")


def setUpModule():
    global good
    good = Safetensors(services.NANO / "model.safetensors")


class ModelFolderCase(unittest.TestCase):
    """A folder with every file of nano but the weights."""

    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory(prefix="glyph-model-")))
        for file in services.NANO.iterdir():
            if file.suffix in (".json", ".jinja"):
                shutil.copy(file, self.folder)

    def write_weights(self, data):
        (self.folder / "model.safetensors").write_bytes(data)

    def change_json(self, name, change):
        path = self.folder / name
        value = json.loads(path.read_text())
        change(value)
        path.write_text(json.dumps(value))

    def assert_refused(self, *named):
        """Exit 78 without a port line; stderr holds every word of `named`."""
        start = time.monotonic()
        result = subprocess.run([str(services.BIN / "glyph-vlm"), "--model", str(self.folder), "--port", "0",
                                 "--dtype", "float32"], capture_output=True, timeout=60, check=False)
        told = result.stderr.decode(errors="replace")
        self.assertEqual(result.returncode, EX_CONFIG, told)
        self.assertEqual(result.stdout, b"", "it listened")
        for word in named:
            self.assertIn(word, told)
        self.assertLess(time.monotonic() - start, REFUSAL_LIMIT_S)


class WeightsTest(ModelFolderCase):
    def with_header(self, change):
        changed = Safetensors(services.NANO / "model.safetensors")
        change(changed.header)
        self.write_weights(changed.bytes())

    def test_a_whole_copy_is_served(self):
        os.symlink(services.NANO / "model.safetensors", self.folder / "model.safetensors")
        service = services.start_vlm(self.folder, model=self.folder)
        self.assertEqual(service.stop(), 0)

    def test_missing_weights(self):
        self.assert_refused("model.safetensors")

    def test_files_cut_short_name_the_tensor_that_lacks_bytes(self):
        last = max(good.tensors(), key=lambda name: good.header[name]["data_offsets"][1])
        whole = good.bytes()
        self.write_weights(whole[:-1])
        self.assert_refused("model.safetensors", last)
        self.write_weights(whole[:-1000])
        self.assert_refused("model.safetensors", "tensor")

    def test_headers_cut_short_are_refused(self):
        for length in (0, 1, 7, 8, 9, 100):
            with self.subTest(length):
                self.write_weights(good.bytes()[:length])
                self.assert_refused("model.safetensors")

    def test_header_lengths_beyond_the_file_are_refused(self):
        for size in (len(good.payload) * 2, 2**31, 2**63, 2**64 - 1):
            with self.subTest(size):
                self.write_weights(struct.pack("<Q", size) + good.bytes()[HEADER_SIZE_BYTES:])
                self.assert_refused("model.safetensors")

    def test_a_header_that_is_no_json_is_refused(self):
        for header in (b"{" * 1000, b"[" * 100_000, b"\xff\xfe", b"null", b'{"a": 1}'):
            with self.subTest(header[:8]):
                self.write_weights(struct.pack("<Q", len(header)) + header)
                self.assert_refused("model.safetensors")

    def test_lies_about_one_tensor_name_it(self):
        begin, end = good.header[ANY_TENSOR]["data_offsets"]
        changes = {"unknown type": {"dtype": "F99"}, "negative shape": {"shape": [-1, 384]},
                   "beyond the file": {"data_offsets": [0, 2**62]},
                   "end before begin": {"data_offsets": [end, begin]},
                   "negative": {"data_offsets": [-1, end]},
                   "one byte short": {"data_offsets": [begin, end - 1]},
                   "overflowing shape": {"shape": [2**40, 2**40]},
                   "another shape": {"shape": [1, 384 * 384]},
                   "no shape": {"shape": None}}
        for name, change in changes.items():
            with self.subTest(name):
                self.with_header(lambda header: header[ANY_TENSOR].update(change))
                self.assert_refused(ANY_TENSOR)

    def test_a_missing_tensor_is_named(self):
        self.with_header(lambda header: header.__setitem__("other", header.pop(ANY_TENSOR)))
        self.assert_refused(ANY_TENSOR)

    def test_a_missing_shard_is_named(self):
        os.symlink(services.NANO / "model.safetensors", self.folder / "model-00001-of-00002.safetensors")
        weight_map = {name: "model-00001-of-00002.safetensors" for name in good.tensors()}
        weight_map[ANY_TENSOR] = "model-00002-of-00002.safetensors"
        (self.folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))
        self.assert_refused("model-00002-of-00002.safetensors")

    def test_a_shard_outside_of_the_folder_is_refused(self):
        index = {"weight_map": {ANY_TENSOR: "../model.safetensors"}}
        (self.folder / "model.safetensors.index.json").write_text(json.dumps(index))
        self.assert_refused("index")


class ConfigTest(ModelFolderCase):
    def setUp(self):
        super().setUp()
        os.symlink(services.NANO / "model.safetensors", self.folder / "model.safetensors")

    def test_another_architecture_is_refused_by_name(self):
        self.change_json("config.json", lambda c: c.update(
            architectures=["LlamaForCausalLM"], model_type="llama"))
        self.assert_refused("llama")

    def test_an_unknown_activation_is_refused_by_name(self):
        self.change_json("config.json", lambda c: c["text_config"].update(hidden_act="quick_swish"))
        self.assert_refused("quick_swish")

    def test_weights_of_another_shape_are_refused_by_name(self):
        self.change_json("config.json", lambda c: c["text_config"].update(hidden_size=512))
        self.assert_refused("512")

    def test_broken_json_files_are_refused_by_name(self):
        for name in ("config.json", "tokenizer.json", "preprocessor_config.json"):
            whole = (self.folder / name).read_bytes()
            for label, data in (("empty", b""), ("cut", whole[:len(whole) // 2]), ("nested", b"[" * 100_000)):
                with self.subTest(f"{name} {label}"):
                    (self.folder / name).write_bytes(data)
                    self.assert_refused(name)
            (self.folder / name).write_bytes(whole)

    def test_a_missing_tokenizer_is_refused_by_name(self):
        (self.folder / "tokenizer.json").unlink()
        self.assert_refused("tokenizer.json")


if __name__ == "__main__":
    unittest.main()
