"""Rules about the tree that no compiler checks: who may include what, file sizes, words, names at
the top level. Prints one line a violation and exits 1 when there is one.

    python3 tests/lint/rules.py        # from anywhere inside the repository
"""

import fnmatch
import pathlib
import re
import subprocess
import sys

TOP_LEVEL = {
    "CMakeLists.txt", "CMakePresets.json", "LICENSE", "NOTICE", "README.md", "SECURITY.md",
    "deploy", "gateway", "k8s", "proto", "render_service", "tests", "vlm_service",
}

# The first pattern that matches a path gives its limit of lines; the aims are lower (headers 120,
# sources 300). Data has none.
LINE_LIMITS = [
    ("*/main.cc", 120),
    ("*README.md", 120),
    ("*.h", 150),
    ("*.cc", 500),
    ("*.cu", 500),
    ("*.proto", 500),
    ("*.py", 500),
    ("*CMakeLists.txt", 500),
    ("deploy/install", 500),
    ("deploy/demo", 500),
    ("deploy/pack*", 500),
    ("tests/run", 500),
]

# A folder sees itself, the folders before it in its row, and proto/. A set holds folders beside each
# other.
LAYERS = {
    "render_service": ["text", "structure", "fonts", "layout", {"raster", "images"}, "pipeline",
                       {"server", "tools"}],
    "vlm_service": ["tokenizer", "prompt", "sampling", "weights", "kernels", "kv_cache",
                    "scheduler", "engine", "ops", "model", "server", "tools"],
    "gateway": [{"metrics", "png"}, "keys", "routing", {"server", "http"}, "ui"],
}
# What LAYERS' rows cannot say: (folder, what it must not include).
BLIND_SPOTS = [
    ("vlm_service/server/", ("vlm_service/ops/", "vlm_service/model/", "vlm_service/weights/")),
    ("vlm_service/scheduler/", ("vlm_service/tokenizer/", "vlm_service/weights/")),
    ("gateway/cli/", ("gateway/metrics/", "gateway/keys/", "gateway/routing/", "gateway/server/", "gateway/http/",
                      "glyph/v1/vlm.", "glyph/v1/render.", "glyph/v1/page.")),
    ("proto/base/", ("proto/rpc/", "glyph/", "google/", "grpc")),
]

# Libraries that only some folders may see.
LIBRARIES = [
    ("libtorch", r"(torch|ATen|c10|caffe2)/", ("vlm_service/ops/", "vlm_service/model/")),
    ("CUDA", r"cu(da|blas|dnn)", ("vlm_service/ops/", "vlm_service/model/", "vlm_service/kernels/")),
    ("Pango and Cairo", r"(pango|cairo|hb|ft2build|freetype)", ("render_service/",)),
    ("image decoders", r"(png\.h|jpeglib\.h|turbojpeg\.h|webp/)",
     ("render_service/images/", "vlm_service/tools/")),
    ("HTTP", r"boost/(beast|asio)", ("gateway/http/",)),
    ("gRPC", r"(grpcpp/|grpc/|.*\.grpc\.pb\.h)",
     ("proto/rpc/", "render_service/server/", "vlm_service/server/", "gateway/",
      "render_service/main.cc", "vlm_service/main.cc")),
    ("CLI11", r"CLI/", ("render_service/main.cc", "vlm_service/flags.cc", "gateway/main.cc",
                        "render_service/tools/", "vlm_service/tools/", "gateway/cli/")),
]

WORDS = [
    (r"\b(TODO|FIXME|XXX)\b", "unfinished work belongs into an issue"),
    (r"^\s*throw\b", "errors are absl::Status"),
    (r"\busing namespace\b", "names keep their namespace"),
]

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def tree(root):
    """Files that git tracks or would track, as text paths; those deleted but tracked are skipped."""
    out = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=root,
                         check=True, capture_output=True, text=True).stdout
    return sorted(p for p in out.split("\0") if p and (root / p).is_file())


def check_top_level(paths):
    for entry in sorted({p.split("/")[0] for p in paths}):
        if entry not in TOP_LEVEL and not entry.startswith("."):
            yield f"{entry}: does not belong at the top level"


def check_length(path, text):
    for pattern, limit in LINE_LIMITS:
        if fnmatch.fnmatch(path, pattern):
            lines = text.count("\n")
            if lines > limit:
                yield f"{path}: {lines} lines, the limit is {limit}; split it by question"
            return


def check_words(path, text):
    for number, line in enumerate(text.splitlines(), 1):
        for pattern, reason in WORDS:
            if re.search(pattern, line):
                yield f"{path}:{number}: '{re.search(pattern, line).group().strip()}': {reason}"


def rank(service, folder):
    for i, entry in enumerate(LAYERS[service]):
        if folder == entry or (isinstance(entry, set) and folder in entry):
            return i
    return None


def check_layer(path, included):
    """One include of our own code from our own code."""
    service, *rest = path.split("/")
    target, *target_rest = included.split("/")
    if service == "proto":
        return None if target not in LAYERS else "shared code sees no service"
    if target not in LAYERS:
        return None
    if target != service:
        return "services see each other through the contract only"
    if len(rest) < 2 or rest[0] == "cli" or len(target_rest) < 2 or rest[0] == target_rest[0]:
        return None
    here, there = rank(service, rest[0]), rank(service, target_rest[0])
    if here is None or there is None:
        return "this folder is not in LAYERS"
    return None if there < here else f"{rest[0]}/ comes before {target_rest[0]}/"


def check_includes(path, text):
    for number, line in enumerate(text.splitlines(), 1):
        match = INCLUDE.match(line)
        if not match:
            continue
        included = match.group(2)
        reasons = [check_layer(path, included)]
        reasons += ["this folder must not see it" for folder, hidden in BLIND_SPOTS
                    if path.startswith(folder) and included.startswith(hidden)]
        reasons += [f"{name} is for {', '.join(folders)} only"
                    for name, pattern, folders in LIBRARIES
                    if re.match(pattern, included) and not path.startswith(folders)]
        if included.startswith("."):
            reasons.append("include from the root of the repository")
        for reason in filter(None, reasons):
            yield f"{path}:{number}: includes {included}: {reason}"


def check(root):
    paths = tree(root)
    violations = list(check_top_level(paths))
    for path in paths:
        is_code = path.endswith((".h", ".cc", ".cu"))
        if not is_code and not any(fnmatch.fnmatch(path, p) for p, _ in LINE_LIMITS):
            continue
        text = (root / path).read_text(encoding="utf-8")
        violations += check_length(path, text)
        if not path.startswith("tests/lint/"):
            violations += check_words(path, text)
        if is_code and not path.startswith("tests/"):
            violations += check_includes(path, text)
    return violations


def main():
    root = pathlib.Path(__file__).resolve().parents[2]
    violations = check(root)
    for violation in violations:
        print(violation)
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main())
