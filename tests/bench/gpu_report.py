"""Keeps what gpu_side_by_side.py measured, as gpu.json and as tables."""

import json
import pathlib
import subprocess
import time

import torch
import transformers

from gpu_workloads import Cost, Decode, attention_name


def machine() -> dict:
    if not torch.cuda.is_available():
        return {"device": "cpu", "torch": torch.__version__, "transformers": transformers.__version__}
    driver = subprocess.run(["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"],
                            stdout=subprocess.PIPE, text=True, check=False).stdout.split()
    return {"device": torch.cuda.get_device_name(), "driver": (driver or ["unknown"])[0],
            "torch": torch.__version__, "cuda": torch.version.cuda,
            "cudnn": torch.backends.cudnn.version(), "transformers": transformers.__version__}


class Results:
    """What is known, kept in a file."""

    def __init__(self, folder: pathlib.Path, cost: Cost, works: dict):
        self.folder, self.cost, self.works = folder, cost, works
        folder.mkdir(parents=True, exist_ok=True)
        self.known = {"machine": machine(), "ceilings": {}, "transformers": {}, "ours": {}}
        path = folder / "gpu.json"
        if path.exists():
            old = json.loads(path.read_text())
            if old.get("machine") == self.known["machine"]:
                self.known |= old
        self.known["date"] = time.strftime("%Y-%m-%d")

    def put(self, group: str, name: str, value) -> None:
        self.known[group][name] = value
        if group == "transformers":
            value = " ".join(f"{k}={v:.1f}" if isinstance(v, float) else f"{k}={v}"
                             for k, v in value.items())
        elif group == "ceilings":
            value = f"{value:.4g}"
        print(f"{time.strftime('%X')} {group} {name}: {value}", flush=True)

    def write(self) -> None:
        (self.folder / "gpu.json").write_text(json.dumps(self.known, indent=2) + "\n")
        heading = ", ".join(f"{k} {v}" if k != "device" else v
                            for k, v in self.known["machine"].items())
        (self.folder / "gpu.md").write_text(
            f"# Engine and Hugging Face on a GPU\n\n{heading}; {self.known['date']}; "
            "`tests/bench/gpu_side_by_side.py`\n\n"
            f"{self.table()}\n\n{self.notes()}\n\n{self.ceiling_table()}\n")

    def table(self) -> str:
        lines = ["| | ceiling | Hugging Face | ours | times as fast | of the ceiling |",
                 "|---|---|---|---|---|---|"]
        for name, work in self.works.items():
            speed = isinstance(work, Decode)
            ceiling = self.cost.ceiling_ms(work, self.known["ceilings"])
            theirs, ours = (self.known[g].get(name, {}).get("ms") for g in ("transformers", "ours"))

            def cell(ms, speed=speed, work=work):
                if not ms:
                    return "-"
                return f"{work.batch / ms * 1e3:,.1f}" if speed else f"{ms:,.1f}"

            lines.append(
                f"| {name}, {'tokens/s' if speed else 'ms'} | {cell(ceiling)} | {cell(theirs)} | "
                f"{cell(ours)} | {f'{theirs / ours:.2f}' if theirs and ours else '-'} | "
                f"{f'{ceiling / ours:.0%}' if ceiling and ours else '-'} |")
        return "\n".join(lines)

    def notes(self) -> str:
        """What has no ceiling."""
        lines = []
        for group, title in (("transformers", "Hugging Face"), ("ours", "ours")):
            known = self.known[group]
            load, memory = known.get("load", {}), known.get("memory", known.get("load", {}))
            if "ms" in load and "bytes" in load:
                warm = " and warm-up" if group == "ours" else ""
                lines.append(f"- {title}, load{warm}: {load['ms'] / 1e3:.2f} s, "
                             f"{load['bytes'] / load['ms'] / 1e6:.1f} GB/s")
            figures = [f"{key.removesuffix('_mib').replace('_', ' ')} {memory[key]:,.0f} MiB"
                       for key in ("after_load_mib", "device_used_mib", "planned_mib", "peak_mib",
                                   "budget_mib") if key in memory]
            if figures:
                lines.append(f"- {title}, memory: {', '.join(figures)}")
            peaks = [f"{name} {value['peak_mib']:,.0f}" for name, value in known.items()
                     if name in self.works and "peak_mib" in value]
            if peaks:
                lines.append(f"- {title}, peak MiB: {', '.join(peaks)}")
            lines += [f"- {title}, {name}: {value['error']}" for name, value in known.items()
                      if "error" in value]
        ours = self.known["ours"]
        if "ms" in ours.get("ready", {}):
            lines.append(f"- ours, ready after {ours['ready']['ms'] / 1e3:.2f} s")
        if "ms" in ours.get("first_token_page_again", {}):
            lines.append(f"- ours, the same page again: {ours['first_token_page_again']['ms']:.1f} ms")
        if all("ms" in ours.get(name, {}) for name in ("images_8", "images_8_single")):
            share = ours["images_8"]["ms"] / ours["images_8_single"]["ms"]
            lines.append(f"- ours, 8 images in one request: {share:.2f} of the sum of 8 requests")
        for name in ("idle_1", "idle_64"):
            if "percent" in ours.get(name, {}):
                lines.append(f"- ours, idle between decode steps, batch {name.split('_')[1]}: "
                             f"{ours[name]['percent']:.1f} %")
        return "\n".join(lines)

    def ceiling_table(self) -> str:
        """Ceilings as measured, and the rate of those that are times."""
        flop = {}
        for work in self.works.values():
            for _, shape in [] if isinstance(work, Decode) else self.cost.attentions(work):
                length, heads, _, head_dim, causal = shape
                flop[attention_name(shape)] = 4 * length**2 * heads * head_dim / (2 if causal else 1)
        lines = ["| ceiling | value | TFLOP/s | GB/s |", "|---|---|---|---|"]
        for name, value in self.known["ceilings"].items():
            rate = bandwidth = ""
            if name.startswith("gemm_") and name.endswith("_ms"):
                rows, outputs, inputs = map(int, name.removesuffix("_ms").split("_")[-1].split("x"))
                rate = f"{2 * rows * outputs * inputs / value / 1e9:.0f}"
                moved = 2 * (rows * outputs + outputs * inputs + rows * inputs)
                bandwidth = f"{moved / value / 1e6:.0f}"
            elif name in flop:
                rate = f"{flop[name] / value / 1e9:.0f}"
            lines.append(f"| {name} | {value:.4g} | {rate} | {bandwidth} |")
        return "\n".join(lines)
