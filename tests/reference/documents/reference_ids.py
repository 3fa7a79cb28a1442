"""Writes tests/golden/documents/reference_ids.json: what Hugging Face's greedy generate (float32, CPU)
answers on the pages of the golden documents, and how well that fits the expected texts.

    glyph render --file TEXT -o DIR                 # or export_pages.py, for all documents at once
    python3 tests/reference/documents/reference_ids.py --model deploy/models/nano --pages DIR [--out FILE]

DIR holds NAME-0.png, NAME-1.png, ... of every document. Each entry of the file: `pages`, the SHA-256
of each page's gray8 pixels, which tells a test whether it compares the same pages; `ids`, the output
ids with the stop id.
"""
import argparse
import hashlib
import json
import pathlib
import time

import torch
from PIL import Image
from transformers import AutoTokenizer, Glm4vForConditionalGeneration
from transformers.models.glm4v.image_processing_pil_glm4v import Glm4vImageProcessorPil

GOLDEN = pathlib.Path(__file__).parents[2] / "golden" / "documents"
MAX_NEW_TOKENS = 1024


def edit_distance(a, b):
    row = list(range(len(b) + 1))
    for i, left in enumerate(a, 1):
        previous, row[0] = row[0], i
        for j, right in enumerate(b, 1):
            previous, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, previous + (left != right))
    return row[-1]


class Reader:
    def __init__(self, folder):
        self._tokenizer = AutoTokenizer.from_pretrained(folder)
        self._images = Glm4vImageProcessorPil.from_pretrained(folder)
        self._model = Glm4vForConditionalGeneration.from_pretrained(folder, dtype=torch.float32).eval()

    def prompt(self, question, grids):
        content = [{"type": "image"} for _ in grids] + [{"type": "text", "text": question}]
        text = self._tokenizer.apply_chat_template([{"role": "user", "content": content}], tokenize=False,
                                                   add_generation_prompt=True)
        head, *tails = text.split("<|image|>")
        for (t, h, w), tail in zip(grids, tails, strict=True):
            head += "<|image|>" * (t * h * w // 4) + tail
        return self._tokenizer(head, return_tensors="pt", add_special_tokens=False)["input_ids"]

    @torch.no_grad()
    def answer(self, pages, question):
        """Output ids, stop id included, and their text."""
        pixels = self._images(images=[page.convert("RGB") for page in pages], return_tensors="pt")
        grids = pixels["image_grid_thw"]
        sizes = [(w * 14, h * 14) for _, h, w in grids.tolist()]
        assert sizes == [page.size for page in pages], f"pages were resized: {sizes}"
        prompt = self.prompt(question, grids.tolist())
        output = self._model.generate(
            input_ids=prompt, attention_mask=torch.ones_like(prompt), image_grid_thw=grids,
            mm_token_type_ids=(prompt == self._model.config.image_token_id).int(),
            pixel_values=pixels["pixel_values"], do_sample=False, max_new_tokens=MAX_NEW_TOKENS)
        ids = output[0, prompt.shape[1]:]
        return ids.tolist(), self._tokenizer.decode(ids, skip_special_tokens=True)


def pages_of(folder, name):
    files = sorted(folder.glob(f"{name}-*.png"))
    assert files, f"no pages of {name} in {folder}"
    return [Image.open(file).convert("L") for file in files]


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--model", required=True)
    arguments.add_argument("--pages", required=True, type=pathlib.Path)
    arguments.add_argument("--out", type=pathlib.Path, default=GOLDEN / "reference_ids.json")
    args = arguments.parse_args()
    reader, entries, start = Reader(args.model), {}, time.monotonic()
    for kind in ("one_page", "multi_page", "dense_pages"):
        edits = characters = exact = 0
        documents = json.loads((GOLDEN / f"{kind}.json").read_text())
        for document in documents:
            pages = pages_of(args.pages, document["name"])
            ids, text = reader.answer(pages, document["question"])
            hashes = [hashlib.sha256(page.tobytes()).hexdigest() for page in pages]
            entries[document["name"]] = {"pages": hashes, "ids": ids}
            edits += edit_distance(text, document["expected"])
            characters += len(document["expected"])
            exact += text == document["expected"]
            if text != document["expected"]:
                print(f"{document['name']}: {text!r} instead of {document['expected']!r}", flush=True)
        print(f"{kind}: {exact} of {len(documents)} exact, {edits} errors in {characters} characters")
    lines = [f'"{name}": {json.dumps(entry)}' for name, entry in entries.items()]
    args.out.write_text("{\n" + ",\n".join(lines) + "\n}\n")
    print(f"{time.monotonic() - start:.0f} s, torch {torch.__version__}, {torch.get_num_threads()} threads")


if __name__ == "__main__":
    main()
