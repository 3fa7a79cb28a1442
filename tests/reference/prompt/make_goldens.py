"""Writes tests/golden/prompt/: page sizes and whole prompts as Hugging Face makes them.

    python3 make_goldens.py MODEL_DIR tests/golden/prompt      (transformers 5.17.0)

grids.txt: one line a size, `temporal_patch min_pixels max_pixels width height new_width new_height`,
or `... error` where smart_resize refuses it. prompts.json: random user turns of text and images
through Glm4vProcessor and Glm4vModel.get_rope_index.
"""

import json
import pathlib
import random
import sys

import torch
from PIL import Image
from transformers import AutoConfig, AutoProcessor
from transformers.models.glm4v.image_processing_glm4v import smart_resize
from transformers.models.glm4v.modeling_glm4v import Glm4vModel

SEED = 3
NUM_PROMPTS = 40
CLASS_DEFAULT = (2, 112 * 112, 28 * 28 * 15000)
LIMITS = [CLASS_DEFAULT, (2, 12544, 9633792), (1, 28 * 28 * 4, 28 * 28 * 1280)]
SIDES = [1, 2, 3, 13, 14, 15, 27, 28, 29, 41, 42, 43, 56, 70, 97, 98, 112, 200, 333, 532, 700, 1023,
         1024, 1025, 1036, 2000, 4648, 5600, 5601, 8190, 16383, 16384]
ALPHABET = "abc XYZ 0123456789 \n\t.,:?!'\"() \u00e9\u4f60\u597d\U0001F600"


def grid_lines():
    rng = random.Random(SEED)
    sizes = [(w, h) for w in SIDES for h in SIDES]
    sizes += [(rng.randint(1, 3000), rng.randint(1, 3000)) for _ in range(300)]
    for frames, min_pixels, max_pixels in LIMITS:
        for width, height in sizes:
            try:
                new_height, new_width = smart_resize(
                    num_frames=frames, height=height, width=width, temporal_factor=frames,
                    factor=28, min_pixels=min_pixels, max_pixels=max_pixels)
                result = f"{new_width} {new_height}"
            except ValueError:
                result = "error"
            yield f"{frames} {min_pixels} {max_pixels} {width} {height} {result}"


def random_turn(rng):
    """Items of a user's turn: {"text"} or {"image": [width, height]}."""
    items = []
    for _ in range(rng.randint(0, 6)):
        if rng.random() < 0.5:
            items.append({"text": "".join(rng.choice(ALPHABET) for _ in range(rng.randint(0, 30)))})
        else:
            items.append({"image": [rng.randint(1, 300), rng.randint(1, 300)]})
    return items


def encode(processor, model, items):
    content = [{"type": "text", "text": item["text"]} if "text" in item else {"type": "image"}
               for item in items]
    images = [Image.new("RGB", item["image"]) for item in items if "image" in item]
    text = processor.apply_chat_template([{"role": "user", "content": content}],
                                         add_generation_prompt=True, tokenize=False)
    inputs = processor(text=[text], images=images or None, return_tensors="pt")
    positions, deltas = model.get_rope_index(
        inputs["input_ids"], inputs["mm_token_type_ids"],
        image_grid_thw=inputs.get("image_grid_thw"))
    num_tokens = inputs["input_ids"].shape[1]
    return {"items": items, "ids": inputs["input_ids"][0].tolist(),
            "positions": positions[:, 0].flatten().tolist(),
            "next_position": num_tokens + int(deltas[0, 0])}


def main():
    model_dir, out = sys.argv[1], pathlib.Path(sys.argv[2])
    (out / "grids.txt").write_text("\n".join(grid_lines()) + "\n")
    processor = AutoProcessor.from_pretrained(model_dir)
    with torch.device("meta"):
        model = Glm4vModel(AutoConfig.from_pretrained(model_dir))
    rng = random.Random(SEED)
    turns = [random_turn(rng) for _ in range(NUM_PROMPTS)]
    prompts = [encode(processor, model, turn) for turn in turns]
    lines = ",\n".join(json.dumps(prompt, separators=(",", ":")) for prompt in prompts)
    (out / "prompts.json").write_text(f"[\n{lines}\n]\n")


if __name__ == "__main__":
    main()
