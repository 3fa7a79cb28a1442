"""The golden input: documents nano never saw, its own samples, and Hugging Face's answers."""
import json

import services

GOLDEN = services.SOURCE / "tests" / "golden"
NANO_SAMPLES = GOLDEN / "nano_samples"


def one_page_documents():
    return json.loads((GOLDEN / "documents" / "one_page.json").read_text())


def multi_page_documents():
    return json.loads((GOLDEN / "documents" / "multi_page.json").read_text())


def dense_documents():
    """As multi_page, but pages full of fields with values of any form; nano misses some."""
    return json.loads((GOLDEN / "documents" / "dense_pages.json").read_text())


def reference_ids():
    """Name -> {pages: SHA-256 of each page's pixels, ids: Hugging Face's output ids with the stop id}."""
    return json.loads((GOLDEN / "documents" / "reference_ids.json").read_text())


def nano_samples():
    return json.loads((NANO_SAMPLES / "pages.json").read_text())


def sample_images(sample):
    return [NANO_SAMPLES / name for name in sample["images"]]


def edit_distance(a, b):
    row = list(range(len(b) + 1))
    for i, left in enumerate(a, 1):
        previous, row[0] = row[0], i
        for j, right in enumerate(b, 1):
            previous, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, previous + (left != right))
    return row[-1]
