"""Draws every golden document with the project's own renderer, for reference_ids.py.

    export_pages.py --glyph build/release/bin/glyph --server 127.0.0.1:8081 -o DIR

leaves DIR/NAME-0.png, NAME-1.png, ... of every document.
"""
import argparse
import json
import pathlib
import subprocess
import tempfile

GOLDEN = pathlib.Path(__file__).parents[2] / "golden" / "documents"


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--glyph", required=True)
    arguments.add_argument("--server", required=True)
    arguments.add_argument("-o", "--output", required=True, type=pathlib.Path)
    args = arguments.parse_args()
    args.output.mkdir(parents=True, exist_ok=True)
    for kind in ("one_page", "multi_page", "dense_pages"):
        for document in json.loads((GOLDEN / f"{kind}.json").read_text()):
            with tempfile.TemporaryDirectory() as folder:
                subprocess.run([args.glyph, "render", "--server", args.server, "--file", "-", "-o", folder],
                               input=document["text"].encode(), check=True, stdout=subprocess.DEVNULL)
                for i, page in enumerate(sorted(pathlib.Path(folder).glob("*.png"))):
                    (args.output / f"{document['name']}-{i}.png").write_bytes(page.read_bytes())


if __name__ == "__main__":
    main()
