"""Every rule of rules.py finds what it is for and lets the rest pass."""

import pathlib
import subprocess
import tempfile
import unittest

import rules


def includes(path, included):
    return list(rules.check_includes(path, f'#include "{included}"\n'))


class IncludeRules(unittest.TestCase):
    REFUSED = [
        ("vlm_service/kv_cache/a.h", "vlm_service/scheduler/plan.h"),
        ("vlm_service/engine/a.cc", "vlm_service/model/b.h"),
        ("vlm_service/server/a.cc", "vlm_service/model/b.h"),
        ("vlm_service/engine/a.cc", "render_service/layout/b.h"),
        ("vlm_service/engine/a.cc", "ATen/ATen.h"),
        ("vlm_service/server/a.cc", "pango/pango.h"),
        ("vlm_service/server/a.cc", "cuda_runtime.h"),
        ("vlm_service/scheduler/a.cc", "grpcpp/grpcpp.h"),
        ("vlm_service/unknown/a.cc", "vlm_service/engine/b.h"),
        ("vlm_service/prompt/a.cc", "../tokenizer/b.h"),
        ("render_service/layout/a.cc", "render_service/raster/b.h"),
        ("render_service/raster/a.cc", "render_service/images/b.h"),
        ("render_service/raster/a.cc", "png.h"),
        ("gateway/routing/a.cc", "gateway/http/b.h"),
        ("gateway/routing/a.cc", "cairo/cairo.h"),
        ("gateway/cli/a.cc", "glyph/v1/vlm.pb.h"),
        ("gateway/cli/a.cc", "gateway/routing/b.h"),
        ("proto/base/a.cc", "proto/rpc/error.h"),
        ("proto/rpc/a.cc", "gateway/http/b.h"),
    ]
    ALLOWED = [
        ("vlm_service/scheduler/a.h", "vlm_service/kv_cache/b.h"),
        ("vlm_service/model/a.cc", "vlm_service/engine/step_executor.h"),
        ("vlm_service/model/a.cc", "ATen/ATen.h"),
        ("vlm_service/main.cc", "vlm_service/model/b.h"),
        ("vlm_service/server/a.cc", "grpcpp/grpcpp.h"),
        ("vlm_service/prompt/a.cc", "proto/rpc/error.h"),
        ("render_service/images/a.cc", "png.h"),
        ("render_service/pipeline/a.cc", "render_service/images/b.h"),
        ("gateway/http/a.cc", "boost/beast.hpp"),
        ("gateway/cli/a.cc", "glyph/v1/gateway.grpc.pb.h"),
        ("gateway/cli/a.cc", "gateway/cli/b.h"),
        ("proto/rpc/a.cc", "proto/base/logging.h"),
    ]

    def test_refuses_what_a_folder_must_not_see(self):
        for path, included in self.REFUSED:
            with self.subTest(path=path, included=included):
                self.assertNotEqual(includes(path, included), [])

    def test_allows_what_lies_before_a_folder(self):
        for path, included in self.ALLOWED:
            with self.subTest(path=path, included=included):
                self.assertEqual(includes(path, included), [])


class FileRules(unittest.TestCase):
    def test_holds_line_limits_on_both_sides(self):
        for path, limit in [("a/main.cc", 120), ("a/b.h", 150), ("a/b.cc", 500), ("x/README.md", 120)]:
            self.assertEqual(list(rules.check_length(path, "\n" * limit)), [])
            self.assertEqual(len(list(rules.check_length(path, "\n" * (limit + 1)))), 1)
        self.assertEqual(list(rules.check_length("data.json", "\n" * 10000)), [])

    def test_finds_words(self):
        for line in ["// TODO: later", "  throw 1;", "using namespace std;"]:
            self.assertEqual(len(list(rules.check_words("a.cc", f"int x;\n{line}\n"))), 1)
        self.assertEqual(list(rules.check_words("a.cc", "// throws nothing; method\n")), [])

    def test_finds_a_stray_entry_at_the_top(self):
        self.assertEqual(len(list(rules.check_top_level(["notes.txt", "proto/a", ".clang-format"]))), 1)


class WholeTree(unittest.TestCase):
    def test_checks_tracked_and_new_files_but_no_ignored_ones(self):
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            subprocess.run(["git", "init", "-q", folder], check=True)
            for path in ["gateway/http/a.cc", "build/gateway/http/a.cc"]:
                (root / path).parent.mkdir(parents=True)
                (root / path).write_text("#include <torch/torch.h>\n", encoding="utf-8")
            (root / ".gitignore").write_text("/build/\n", encoding="utf-8")
            found = rules.check(root)
        self.assertEqual(len(found), 1)
        self.assertIn("gateway/http/a.cc:1: includes torch/torch.h", found[0])


if __name__ == "__main__":
    unittest.main()
