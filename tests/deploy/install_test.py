"""deploy/install on a machine where everything is there, and where something is missing."""

import os
import pathlib
import shutil
import subprocess
import tempfile
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
NOBODY = 65534


def install(*arguments, root=ROOT, **options):
    return subprocess.run([root / "deploy/install", *arguments], capture_output=True, text=True,
                          check=False, **options)


class InstallTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="glyph-install-")
        self.addCleanup(folder.cleanup)
        os.chmod(folder.name, 0o755)
        self.folder = pathlib.Path(folder.name)

    def copy(self):
        """A repository with the same dependencies, whose lists and archives a test may spoil."""
        root = self.folder / "copy"
        nano = root / "deploy/models/nano"
        nano.mkdir(parents=True)
        shutil.copy(ROOT / "deploy/install", root / "deploy/install")
        shutil.copytree(ROOT / "deploy/packages", root / "deploy/packages")
        for name in ["model.safetensors.xz", "model.safetensors.sha256"]:
            shutil.copy(ROOT / "deploy/models/nano" / name, nano / name)
        (root / ".deps").symlink_to(ROOT / ".deps")
        return root

    def test_takes_under_five_seconds_and_touches_nothing_when_nothing_is_missing(self):
        install("--tests")
        stamps = list((ROOT / ".deps/stamps").iterdir())
        before = {stamp: stamp.stat().st_mtime_ns for stamp in stamps}
        start = time.monotonic()
        result = install("--tests")
        self.assertLess(time.monotonic() - start, 5)
        self.assertEqual((result.returncode, result.stdout, result.stderr), (0, "", ""))
        self.assertEqual({stamp: stamp.stat().st_mtime_ns for stamp in stamps}, before)

    def test_lists_what_is_missing_on_another_system(self):
        release = self.folder / "os-release"
        for text in ['ID=ubuntu\nVERSION_ID="24.04"\n', 'ID=debian\nVERSION_ID="13"\n', ""]:
            release.write_text(text, encoding="utf-8")
            result = install("--tests", "--cuda", env=dict(os.environ, GLYPH_OS_RELEASE=str(release)))
            self.assertEqual(result.returncode, 69)
            self.assertIn("needed is Debian 12", result.stderr)
            self.assertIn("PyPI wheel torch==2.11.0", result.stderr)
            self.assertIn("PyPI wheel tokenizers==", result.stderr)
            self.assertIn("PyPI wheel nvidia-cudnn-frontend==", result.stderr)

    def test_prints_the_command_for_root_when_a_package_is_missing(self):
        root = self.copy()
        with open(root / "deploy/packages/debian-build.txt", "a", encoding="utf-8") as packages:
            packages.write("glyph-no-such-package\n")
        user = NOBODY if os.geteuid() == 0 else None
        # A folder without sudo, so that one without a password does not hide the case.
        programs = self.folder / "bin"
        programs.mkdir()
        for name in ["bash", "env", "sed", "sort", "comm", "xargs", "dpkg-query", "dirname", "tr", "uname"]:
            (programs / name).symlink_to(shutil.which(name, path="/usr/bin:/bin"))
        result = install(root=root, user=user, env={"PATH": str(programs)})
        self.assertEqual(result.returncode, 77, result.stderr)
        self.assertEqual(result.stdout, "apt-get update && apt-get install -y "
                         "--no-install-recommends glyph-no-such-package\n")

    def test_unpacks_the_model_and_repairs_a_damaged_one(self):
        root = self.copy()
        model = root / "deploy/models/nano/model.safetensors"
        for damaged in [None, b"", b"damaged"]:
            if damaged is not None:
                model.write_bytes(damaged)
            result = install(root=root)
            self.assertEqual(result.returncode, 0, result.stderr)
            self.assertEqual(model.stat().st_size, 39821488)

    def test_refuses_a_damaged_archive(self):
        root = self.copy()
        archive = root / "deploy/models/nano/model.safetensors.xz"
        archive.write_bytes(archive.read_bytes()[:1000])
        result = install(root=root)
        self.assertEqual(result.returncode, 70)
        self.assertIn("model.safetensors.xz failed", result.stderr)
        self.assertFalse((root / "deploy/models/nano/model.safetensors").exists())

    def test_refuses_unknown_arguments(self):
        self.assertEqual(install("--all").returncode, 64)


if __name__ == "__main__":
    unittest.main()
