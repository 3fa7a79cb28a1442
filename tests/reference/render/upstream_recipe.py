"""Runs the renderer of zai-org/Glyph (a clone of it) with a font of choice."""
import importlib.util
import io
import pathlib
import resource
import tempfile

from fontTools import subset, ttLib
from fontTools.pens.cu2quPen import Cu2QuPen
from fontTools.pens.ttGlyphPen import TTGlyphPen
from pdfminer.converter import PDFPageAggregator
from pdfminer.layout import LTChar
from pdfminer.pdfinterp import PDFPageInterpreter, PDFResourceManager
from pdfminer.pdfpage import PDFPage
from PIL import Image

# The other value upstream's README gives.
NEWLINE_MARK = '<font color="#FF0000"> \\n </font>'
HAN = ("\u4e00", "\u9fff")


def has_han(text):
    return any(HAN[0] <= c <= HAN[1] for c in text)


def as_truetype(collection, face, text, path):
    """Writes one face of `collection` as a font that reportlab can embed: its glyphs for `text`, with
    the advances they have and outlines of quadratic curves, at most 0.3 font units off."""
    font = ttLib.TTFont(collection, fontNumber=face)
    options = subset.Options(layout_features=[], notdef_outline=True, hinting=False, name_IDs=[1, 2, 4, 6])
    cutter = subset.Subsetter(options)
    cutter.populate(text=text + r" \n" + "\u00a0-")
    cutter.subset(font)
    glyphs = font.getGlyphSet()
    table = ttLib.newTable("glyf")
    table.glyphOrder = font.getGlyphOrder()
    table.glyphs = {}
    for name in table.glyphOrder:
        pen = TTGlyphPen(glyphs)
        glyphs[name].draw(Cu2QuPen(pen, 0.3, reverse_direction=True))
        table.glyphs[name] = pen.glyph()
    for tag in ("CFF ", "VORG", "vmtx", "vhea", "GSUB", "GPOS", "GDEF", "BASE"):
        if tag in font:
            del font[tag]
    font["loca"] = ttLib.newTable("loca")
    font["glyf"] = table
    font["maxp"].tableVersion = 0x00010000
    for key in ("maxZones", "maxTwilightPoints", "maxStorage", "maxFunctionDefs",
                "maxInstructionDefs", "maxStackElements", "maxSizeOfInstructions",
                "maxComponentElements", "maxPoints", "maxContours", "maxCompositePoints",
                "maxCompositeContours", "maxComponentDepth"):
        setattr(font["maxp"], key, 1 if key == "maxZones" else 0)
    font["post"].formatType = 3
    for record in font["name"].names:  # reportlab keeps fonts by their names
        record.string = pathlib.Path(path).stem
    font.sfntVersion = "\0\1\0\0"
    font.save(path)


def processor_seconds():
    """Of this process and those it has waited for: pdf2image runs poppler's tools."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in used)


class Upstream:
    """`clone` is a folder with a checkout of zai-org/Glyph. Its code runs as it is; the PDF it makes is
    kept aside on its way to poppler."""

    def __init__(self, clone):
        self.clone = pathlib.Path(clone).resolve()
        path = self.clone / "scripts" / "word2png_function.py"
        spec = importlib.util.spec_from_file_location(path.stem, path)
        self.module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(self.module)
        self.pdf = b""
        rasterise = self.module.convert_from_bytes

        def keep(pdf, **arguments):
            self.pdf = pdf
            return rasterise(pdf, **arguments)

        self.module.convert_from_bytes = keep

    def config(self, text, font=None):
        """What upstream's demo takes for `text`; `font` in the place of its font."""
        name = "config_zh.json" if has_han(text) else "config_en.json"
        config = self.module.load_config(self.clone / "config" / name)
        config["font-path"] = str(font or self.clone / "scripts" / config["font-path"])
        return config

    def render(self, text, font=None, newline_mark=False):
        """Returns the pages as images and the processor seconds taken."""
        with tempfile.TemporaryDirectory() as folder:
            config = self.config(text, font)
            if newline_mark:
                config["newline-markup"] = NEWLINE_MARK
            start = processor_seconds()
            paths = self.module.text_to_images(text, folder, config_dict=config, unique_id="x")
            seconds = processor_seconds() - start
            return [Image.open(path).convert("L").copy() for path in paths], seconds

    def lines(self):
        """Of the text drawn last: for every page its lines from the top, each a list of (character,
        x, y of the baseline) without white space."""
        pages = []
        resources = PDFResourceManager()
        device = PDFPageAggregator(resources)
        interpreter = PDFPageInterpreter(resources, device)
        for pdf_page in PDFPage.get_pages(io.BytesIO(self.pdf)):
            interpreter.process_page(pdf_page)
            page = device.get_result()
            rows = {}
            for item in page:
                if isinstance(item, LTChar) and not item.get_text().isspace():
                    y = round(page.height - item.matrix[5], 2)
                    rows.setdefault(y, []).append((item.get_text(), item.matrix[4], y))
            pages.append([rows[y] for y in sorted(rows)])
        return pages
