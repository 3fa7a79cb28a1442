#!/usr/bin/env python3
"""Writes what Hugging Face answers on one device, in bfloat16 and in float32: hidden states of every
layer, vision outputs, logits and greedy tokens, for `compare_with_reference.py` to hold ours against.

Needs torch, torchvision, transformers, accelerate and Pillow, weights in bfloat16, and for the full
size a GPU of 80 GB.
    python3 tests/reference/model/gpu_reference.py --model DIR --out REF [--page P.png]
Under REF a folder for each case, `text` (a prompt of --tokens tokens) and `page` (a page and a
question), with prompt_ids.npy and rows.npy (positions whose values are kept) of int32, and for TYPE
in bfloat16 and float32 arrays of float32:
    TYPE/hidden.npy         [layers + 2, rows, hidden]  the embedding, each layer's output, the normed
    TYPE/logits.npy         [rows, vocab]
    TYPE/top_logits.npy     [prompt, 64], with the ids in top_ids.npy
    TYPE/vision_hidden.npy  [blocks + 1, patch rows, width]  page only: block 0's input, each output;
                            the patches are those of vision_patches.npy
    TYPE/vision.npy         [vision rows, hidden]  page only: image tokens of vision_rows.npy
    greedy_ids.npy          [steps] of the bfloat16 run (text only; stop tokens do not stop it)
    TYPE/forced_ids.npy     [steps] choices after the prompt and greedy_ids so far
    TYPE/forced_margin.npy  [steps] top logit less the second; forced_top.npy: the top logit
REF/page.png and REF/{text,page}/prompt.txt are the inputs.
"""

import argparse
import pathlib
import shutil
import time

import numpy as np
import torch
from PIL import Image
from transformers import AutoTokenizer, Glm4vForConditionalGeneration, Glm4vImageProcessor

from compare_with_transformers import DEVICE, inputs_for, prompt_text

ROOT = pathlib.Path(__file__).resolve().parents[3]
PAGE = ROOT / "tests/golden/nano_samples/11_text_280.png"
TEXT = ROOT / "deploy/demo_document.txt"
QUESTION = "What does the harbour office keep a record of?"
TOP = 64


def spread(count: int, size: int) -> list[int]:
    """`count` of range(size), evenly, the first and the last among them."""
    return sorted({round(i) for i in np.linspace(0, size - 1, min(count, size))})


def exact_text(encode, num_tokens: int) -> str:
    """Words whose whole prompt has that many tokens."""
    words = TEXT.read_text(encoding="utf-8").split()
    rest = num_tokens - len(encode(""))
    low, high = 0, rest  # a word has at least one token

    def text(count: int) -> str:
        return " ".join(words[i % len(words)] for i in range(count))

    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if len(encode(text(middle))) <= num_tokens else (low, middle - 1)
    result = text(low)
    while len(encode(result)) < num_tokens:
        result += " a"
    if len(encode(result)) != num_tokens:
        raise SystemExit(f"no prompt of {num_tokens} tokens; the shortest has {len(encode(''))}")
    return result


class Rows:
    """Keeps some rows of the outputs of modules while the model runs."""

    def __init__(self, first, modules, rows: list[int]):
        self.kept, self.rows = [], rows
        self.hooks = [first.register_forward_pre_hook(self.before, with_kwargs=True)]
        self.hooks += [m.register_forward_hook(lambda m, i, out: self.keep(out)) for m in modules]

    def before(self, module, arguments, named):
        self.keep(arguments[0] if arguments else named["hidden_states"])

    def keep(self, output):
        output = output[0] if isinstance(output, tuple) else output
        self.kept.append(output.reshape(-1, output.shape[-1])[self.rows].float().cpu())

    def take(self) -> np.ndarray:
        for hook in self.hooks:
            hook.remove()
        return torch.stack(self.kept).numpy()


class Case:
    """A prompt, and the folder of what is known about it."""

    def __init__(self, folder: pathlib.Path, text: str, ids: list[int], images: dict, args):
        self.folder, self.ids, self.images = folder, ids, images
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "prompt.txt").write_text(text, encoding="utf-8")
        self.rows = spread(args.rows, len(ids))
        self.save("prompt_ids", np.array(ids, np.int32))
        self.save("rows", np.array(self.rows, np.int32))
        if images:
            patches = int(images["image_grid_thw"].prod())
            self.patches = spread(args.rows, patches)
            self.vision_rows = spread(args.rows, patches // 4)
            self.save("vision_patches", np.array(self.patches, np.int32))
            self.save("vision_rows", np.array(self.vision_rows, np.int32))

    def save(self, name: str, values: np.ndarray) -> None:
        path = self.folder / f"{name}.npy"
        path.parent.mkdir(exist_ok=True)
        np.save(path, values)

    def write_forward(self, model, type_name: str) -> None:
        inner = model.model.language_model
        hidden = Rows(inner.layers[0], [*inner.layers, inner.norm], self.rows)
        if self.images:
            visual = model.model.visual
            vision_hidden = Rows(visual.blocks[0], visual.blocks, self.patches)
            vision = Rows(visual.merger, [visual.merger], self.vision_rows)
        logits = forward(model, self.ids, self.images, logits_to_keep=0).logits[0]
        self.save(f"{type_name}/hidden", hidden.take())
        if self.images:
            self.save(f"{type_name}/vision_hidden", vision_hidden.take())
            self.save(f"{type_name}/vision", vision.take()[1])
        top = [row.topk(TOP) for row in logits.split(512)]
        self.save(f"{type_name}/top_ids", torch.cat([t.indices for t in top]).int().cpu().numpy())
        self.save(f"{type_name}/top_logits",
                  torch.cat([t.values for t in top]).float().cpu().numpy())
        self.save(f"{type_name}/logits", logits[self.rows].float().cpu().numpy())

    def write_forced(self, model, type_name: str, answer: list[int]) -> None:
        """What would follow the prompt and each part of an answer to it."""
        logits = forward(model, self.ids + answer[:-1], self.images,
                         logits_to_keep=len(answer)).logits[0]
        top = logits.float().topk(2)
        self.save(f"{type_name}/forced_ids", top.indices[:, 0].int().cpu().numpy())
        self.save(f"{type_name}/forced_top", top.values[:, 0].cpu().numpy())
        self.save(f"{type_name}/forced_margin", (top.values[:, 0] - top.values[:, 1]).cpu().numpy())


def forward(model, ids: list[int], images: dict, **options):
    model.model.rope_deltas = None
    inputs = inputs_for(model, ids, images)
    del inputs["attention_mask"]
    return model(**inputs, use_cache=False, **options)


def greedy(model, ids: list[int], steps: int) -> list[int]:
    model.model.rope_deltas = None
    output, tokens = None, [torch.tensor([ids], device=model.device)]
    for _ in range(steps):
        output = model(input_ids=tokens[-1], use_cache=True, logits_to_keep=1,
                       past_key_values=output and output.past_key_values)
        tokens.append(output.logits[:, -1:].argmax(-1)[0][None])
    return torch.cat(tokens[1:], 1)[0].tolist()


def make_cases(args) -> dict:
    tokenizer = AutoTokenizer.from_pretrained(args.model)
    processor = Glm4vImageProcessor.from_pretrained(args.model)

    def encode(text: str, images=None) -> list[int]:
        prompt = prompt_text(images or {}, processor.merge_size, text)
        return tokenizer.encode(prompt, add_special_tokens=False)

    text = exact_text(encode, args.tokens)
    page = Image.open(args.page).convert("RGB")
    images = dict(processor(images=[page], return_tensors="pt"))
    shutil.copy(args.page, args.out / "page.png")
    return {"text": Case(args.out / "text", text, encode(text), {}, args),
            "page": Case(args.out / "page", args.question, encode(args.question, images), images,
                         args)}


@torch.inference_mode()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--model", type=pathlib.Path, required=True)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--tokens", type=int, default=1024, help="of the text prompt")
    parser.add_argument("--page", type=pathlib.Path, default=PAGE)
    parser.add_argument("--question", default=QUESTION)
    parser.add_argument("--rows", type=int, default=16, help="positions whose values are kept")
    parser.add_argument("--steps", type=int, default=512, help="greedy tokens")
    args = parser.parse_args()
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    args.out.mkdir(parents=True, exist_ok=True)
    start = time.monotonic()

    def say(what: str) -> None:
        print(f"{time.monotonic() - start:7.1f} s  {what}", flush=True)

    cases = make_cases(args)
    say(", ".join(f"{name}: {len(case.ids)} tokens" for name, case in cases.items()))
    model = Glm4vForConditionalGeneration.from_pretrained(
        args.model, dtype=torch.bfloat16, attn_implementation="sdpa",
        device_map=DEVICE).eval()
    say("loaded")
    answer = greedy(model, cases["text"].ids, args.steps)
    cases["text"].save("greedy_ids", np.array(answer, np.int32))
    say(f"{args.steps} greedy tokens, {len(set(answer))} different")
    for type_name in ["bfloat16", "float32"]:
        for parameter in model.parameters():  # buffers, the rotary frequencies, stay in float32
            parameter.data = parameter.data.to(getattr(torch, type_name))
        for name, case in cases.items():
            case.write_forward(model, type_name)
            say(f"{name} in {type_name}")
        cases["text"].write_forced(model, type_name, answer)
        say(f"teacher forcing in {type_name}")


if __name__ == "__main__":
    main()
