"""Small image files, good and broken, made by hand so that each byte is known."""
import base64
import struct
import zlib

SIGNATURE = b"\x89PNG\r\n\x1a\n"
GRAY, RGB, PALETTE, RGBA = 0, 2, 3, 6
_SAMPLES = {GRAY: 1, RGB: 3, PALETTE: 1, RGBA: 4}


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def header(width, height, depth=8, color=GRAY, interlace=0):
    return chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, interlace))


def png(width, height, depth=8, color=GRAY, value=255, extra=b""):
    """A PNG of one value; `extra` chunks stand before IDAT."""
    row = b"\0" + bytes([value]) * (width * _SAMPLES[color] * depth // 8)
    return (SIGNATURE + header(width, height, depth, color) + extra
            + chunk(b"IDAT", zlib.compress(row * height, 9)) + chunk(b"IEND", b""))


def interlaced_png():
    """8x8 gray, Adam7: rows of the seven passes."""
    passes = [(1, 1), (1, 1), (2, 1), (2, 2), (4, 2), (4, 4), (8, 4)]
    rows = b"".join((b"\0" + b"\xff" * width) * height for width, height in passes)
    return (SIGNATURE + header(8, 8, interlace=1) + chunk(b"IDAT", zlib.compress(rows))
            + chunk(b"IEND", b""))


def bomb(width, height):
    """Declares width x height in a file of about 100 bytes."""
    return (SIGNATURE + header(width, height) + chunk(b"IDAT", zlib.compress(b"\0" * 64))
            + chunk(b"IEND", b""))


def with_bad_crc(data):
    """The last byte of IDAT's checksum flipped; IEND takes 12 bytes."""
    return data[:-13] + bytes([data[-13] ^ 1]) + data[-12:]


JPEG = base64.b64decode(
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDABALDA4MChAODQ4SERATGCgaGBYWGDEjJR0oOjM9PDkzODdASFxOQERXRTc4"
    "UG1RV19iZ2hnPk1xeXBkeFxlZ2P/wAALCAA4ADgBAREA/8QAFQABAQAAAAAAAAAAAAAAAAAAAAf/xAAUEAEAAAAAAAAA"
    "AAAAAAAAAAAA/9oACAEBAAA/AKAAAAAAAAAAAAAAAAA//9k=")
WEBP = base64.b64decode(
    "UklGRiQAAABXRUJQVlA4TBcAAAAvN8ANAAfQ//73v/8BICH8f69F9D81AAA=")
GIF = base64.b64decode(
    "R0lGODdhOAA4AIEAAP///wAAAAAAAAAAACwAAAAAOAA4AEAIXAABCBxIsKDBgwgTKlzIsKHDhxAjSpxIsaLFixgzatzI"
    "saPHjyBDihxJsqTJkyhTqlzJsqXLlzBjypxJs6bNmzhz6tzJs6fPn0CDCh1KtKjRo0iTKl3KtKnTmwEBADs=")
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="56" height="56"/>'
