"""Hugging Face's Glm4v on one device: what gpu_side_by_side.py measures of it. Prompts are ids and
patches that are on the device already: its tokenizer and image processor are not counted."""

import statistics
import time

import torch
import transformers

from gpu_ceilings import DEVICE, random, synchronize
from gpu_workloads import Decode, FirstToken, Vision

STEPS = 16  # decode steps that are timed
WARM_STEPS = 4
REPEATS = 3


def mib(num_bytes: int) -> float:
    return num_bytes / 2**20


class HuggingFace:
    def __init__(self, folder):
        start = time.perf_counter()
        self.model = transformers.Glm4vForConditionalGeneration.from_pretrained(
            folder, dtype=torch.bfloat16, attn_implementation="sdpa", device_map=DEVICE).eval()
        synchronize()
        self.load_ms = (time.perf_counter() - start) * 1e3
        self.config = self.model.config

    def loaded(self) -> dict:
        result = {"ms": self.load_ms,
                  "bytes": sum(p.numel() * p.element_size() for p in self.model.parameters())}
        if DEVICE == "cuda":
            free, total = torch.cuda.mem_get_info()
            result |= {"after_load_mib": mib(torch.cuda.memory_allocated()),
                       "device_used_mib": mib(total - free)}
        return result

    @torch.inference_mode()
    def measure(self, work) -> dict:
        if DEVICE == "cuda":
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()
        if isinstance(work, Decode):
            result = self.decode(work)
        else:
            run = self.vision(work) if isinstance(work, Vision) else self.first_token(work)
            result = {"ms": self.median_ms(run) * getattr(work, "times", 1)}
        if DEVICE == "cuda":
            result["peak_mib"] = mib(torch.cuda.max_memory_allocated())
        return result

    def median_ms(self, run) -> float:
        times = []
        for _ in range(REPEATS + 1):
            synchronize()
            start = time.perf_counter()
            run()
            synchronize()
            times.append((time.perf_counter() - start) * 1e3)
        return statistics.median(times[1:])

    def text(self, count: int) -> torch.Tensor:
        return torch.randint(0, 100_000, (1, count), device=DEVICE)

    def decode(self, work: Decode) -> dict:
        """One sequence is prefilled and its cache repeated: the batch differs from then on only in
        its tokens."""
        self.model.model.rope_deltas = None
        out = self.model(input_ids=self.text(work.context), use_cache=True, logits_to_keep=1)
        cache = out.past_key_values
        if work.batch > 1:
            cache.batch_repeat_interleave(work.batch)
        tokens = torch.randint(0, 100_000, (work.batch, 1), device=DEVICE)
        start = 0.0
        for step in range(WARM_STEPS + STEPS):
            if step == WARM_STEPS:
                synchronize()
                start = time.perf_counter()
            out = self.model(input_ids=tokens, past_key_values=cache, use_cache=True)
            tokens = out.logits[:, -1:].argmax(-1)
        synchronize()
        ms = (time.perf_counter() - start) * 1e3 / STEPS
        return {"ms": ms, "tokens_per_s": work.batch / ms * 1e3}

    def images(self, images: tuple) -> dict:
        vision = self.config.vision_config
        values = vision.in_channels * vision.temporal_patch_size * vision.patch_size**2
        return {"pixel_values": random(sum(h * w for h, w in images), values),
                "image_grid_thw": torch.tensor([[1, h, w] for h, w in images], device=DEVICE)}

    def vision(self, work: Vision):
        inputs = self.images((work.image,))
        return lambda: self.model.model.get_image_features(**inputs)

    def first_token(self, work: FirstToken):
        around = 2 * len(work.images)  # an image stands between two tokens
        ids = [self.text(work.text - around)]
        for h, w in work.images:
            token = self.config.image_token_id
            ids += [torch.tensor([[self.config.image_start_token_id] + [token] * (h * w // 4)
                                  + [self.config.image_end_token_id]], device=DEVICE)]
        inputs = {"input_ids": torch.cat(ids, 1)}
        if work.images:
            inputs |= self.images(work.images)
            inputs["mm_token_type_ids"] = (inputs["input_ids"] == self.config.image_token_id).int()

        def run():
            self.model.model.rope_deltas = None
            self.model(**inputs, use_cache=True, logits_to_keep=1).logits.argmax(-1).tolist()

        return run
