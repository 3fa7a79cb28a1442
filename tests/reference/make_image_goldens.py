"""Writes tests/golden/images: small image files of every kind and the pixels PIL's convert("RGB") gives.

    python3 tests/reference/make_image_goldens.py tests/golden/images

Needs pillow (12 or later) and numpy. images.json lists the files; NAME.rgb holds [height, width, 3].
"""
import io
import json
import pathlib
import struct
import sys
import zlib

import numpy as np
from PIL import Image

WIDTH, HEIGHT = 37, 23
ADAM7 = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def pack_rows(samples, depth):
    """Unfiltered scanlines of samples [rows, columns, channels]."""
    out = b""
    for row in samples:
        if depth == 16:
            line = row.astype(">u2").tobytes()
        elif depth == 8:
            line = row.astype(np.uint8).tobytes()
        else:
            bits = "".join(format(int(v), f"0{depth}b") for v in row.reshape(-1))
            bits += "0" * (-len(bits) % 8)
            line = bytes(int(bits[i:i + 8], 2) for i in range(0, len(bits), 8))
        out += b"\0" + line
    return out


def png(samples, depth, color_type, before=b"", interlaced=False, after=b""):
    height, width, _ = samples.shape
    if interlaced:
        parts = [samples[y::dy, x::dx] for x, y, dx, dy in ADAM7]
        data = b"".join(pack_rows(p, depth) for p in parts if p.size)
    else:
        data = pack_rows(samples, depth)
    header = struct.pack(">IIBBBBB", width, height, depth, color_type, 0, 0, int(interlaced))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + before +
            chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"") + after)


def samples(rng, depth, channels):
    return rng.integers(0, 1 << depth, (HEIGHT, WIDTH, channels))


def png_files(rng):
    palette = chunk(b"PLTE", rng.integers(0, 256, 48, dtype=np.uint8).tobytes())
    for depth in (1, 2, 4, 8, 16):
        yield f"gray{depth}.png", png(samples(rng, depth, 1), depth, 0)
    small = rng.integers(0, 600, (HEIGHT, WIDTH, 1))
    yield "gray16_dark.png", png(small, 16, 0)
    yield "gray16_interlaced.png", png(small, 16, 0, interlaced=True)
    for depth in (1, 2, 4):
        yield f"palette{depth}.png", png(samples(rng, depth, 1), depth, 3, palette)
    yield "palette8.png", png(rng.integers(0, 16, (HEIGHT, WIDTH, 1)), 8, 3, palette)
    yield "palette_transparent.png", png(samples(rng, 4, 1), 4, 3, palette + chunk(b"tRNS", bytes(range(0, 160, 10))))
    yield "palette_interlaced.png", png(samples(rng, 4, 1), 4, 3, palette, interlaced=True)
    for depth in (8, 16):
        yield f"rgb{depth}.png", png(samples(rng, depth, 3), depth, 2)
        yield f"gray_alpha{depth}.png", png(samples(rng, depth, 2), depth, 4)
        yield f"rgb_alpha{depth}.png", png(samples(rng, depth, 4), depth, 6)
    yield "rgb_interlaced.png", png(samples(rng, 8, 3), 8, 2, interlaced=True)
    yield "gray_transparent.png", png(samples(rng, 8, 1), 8, 0, chunk(b"tRNS", struct.pack(">H", 7)))
    yield "rgb_transparent.png", png(samples(rng, 8, 3), 8, 2, chunk(b"tRNS", struct.pack(">HHH", 1, 2, 3)))
    extras = (chunk(b"gAMA", struct.pack(">I", 45455)) + chunk(b"tEXt", b"Comment\0hello") +
              chunk(b"zTXt", b"Comment\0\0" + zlib.compress(b"z" * 1000)) +
              chunk(b"bKGD", struct.pack(">HHH", 9, 9, 9)) + chunk(b"prVt", b"private"))
    yield "extra_chunks.png", png(samples(rng, 8, 3), 8, 2, extras)
    yield "trailing_data.png", png(samples(rng, 8, 3), 8, 2, after=b"MZ" + bytes(500))
    actl = chunk(b"acTL", struct.pack(">II", 1, 0)) + chunk(b"fcTL", struct.pack(">IIIIIHHBB", 0, WIDTH, HEIGHT, 0, 0, 1, 1, 0, 0))
    yield "animated.png", png(samples(rng, 8, 3), 8, 2, actl)


def saved(image, kind, **options):
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def photo(mode):
    """A smooth picture, which lossy formats keep close."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    waves = [128 + 127 * np.sin(x / (3 + c) + y / (5 - c) + c) for c in range(4)]
    channels = {"L": 1, "RGB": 3, "RGBA": 4, "CMYK": 4}[mode]
    pixels = np.stack(waves[:channels], -1).astype(np.uint8)
    return Image.fromarray(pixels[..., 0] if mode == "L" else pixels, mode=mode)


def other_files():
    yield "gray.jpg", saved(photo("L"), "JPEG", quality=90)
    yield "rgb444.jpg", saved(photo("RGB"), "JPEG", quality=90, subsampling=0)
    yield "rgb420.jpg", saved(photo("RGB"), "JPEG", quality=75, subsampling=2)
    yield "progressive.jpg", saved(photo("RGB"), "JPEG", quality=80, progressive=True)
    yield "cmyk.jpg", saved(photo("CMYK"), "JPEG", quality=90)
    exif = Image.Exif()
    exif[0x0112] = 6
    yield "rotated.jpg", saved(photo("RGB"), "JPEG", quality=90, subsampling=0, exif=exif)
    yield "lossy.webp", saved(photo("RGB"), "WEBP", quality=80)
    yield "lossless.webp", saved(photo("RGB"), "WEBP", lossless=True)
    yield "lossy_alpha.webp", saved(photo("RGBA"), "WEBP", quality=80)
    yield "lossless_alpha.webp", saved(photo("RGBA"), "WEBP", lossless=True, exact=True)
    yield "animated.webp", saved(photo("RGB"), "WEBP", save_all=True, append_images=[photo("RGB").rotate(180)])


def main():
    out = pathlib.Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(5)
    entries = []
    for name, data in [*png_files(rng), *other_files()]:
        (out / name).write_bytes(data)
        image = Image.open(io.BytesIO(data))
        if name == "animated.webp":
            continue
        rgb = np.asarray(image.convert("RGB"))
        (out / f"{name}.rgb").write_bytes(rgb.tobytes())
        entries.append({"file": name, "mode": image.mode, "width": image.width, "height": image.height})
    (out / "images.json").write_text(json.dumps(entries, indent=1) + "\n")


main()
