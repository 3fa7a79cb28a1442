"""Writes tests/golden/documents/{one_page,multi_page,dense_pages}.json: texts nano never saw, with
questions and expected answers. About half are written by hand (*_written.txt), the rest assembled
from themes.json. No model and no renderer takes part: no document is chosen by how well it is read.

    python3 tests/reference/documents/make_documents.py
"""
import json
import pathlib

import document_rules as rules
import text_style
from assembler import Assembler

HERE = pathlib.Path(__file__).parent
OUT = HERE.parents[1] / "golden" / "documents"
NUM_DOCUMENTS = 50
READ = "Read the page."
SEPARATOR = "%%\n"


def multi_page(name, text, question):
    rules.check(text)
    fields, key = rules.fields_of(text), rules.asked_key(question).lower()
    pages = rules.num_pages(text)
    assert 2 <= pages <= 6, f"{name}: {pages} pages"
    near = rules.near_keys(key, fields)
    assert not near, f"{name}: {key} is near {near}"
    return {"name": name, "pages": pages, "question": question,
            "expected": fields.get(key, "not found"), "text": text}


def one_page(name, text):
    lines = rules.check(text)
    assert len(lines) <= text_style.LINES_PER_PAGE, f"{name}: {len(lines)} lines"
    return {"name": name, "question": READ, "expected": "\n".join(lines), "text": text}


def written(file):
    return [text.rstrip("\n") for text in (HERE / file).read_text().split(SEPARATOR)]


def make_one_page(assembler):
    texts = written("one_page_written.txt")
    texts += [assembler.one_page() for _ in range(NUM_DOCUMENTS - len(texts))]
    return [one_page(f"one_page_{i:02d}", text) for i, text in enumerate(texts)]


def make_multi_page(kind, assemble):
    texts = [text.removeprefix("? ").split("\n", 1)[::-1] for text in written(f"{kind}_written.txt")]
    texts += [assemble(pages=3 + i % 4) for i in range(NUM_DOCUMENTS - len(texts))]
    return [multi_page(f"{kind}_{i:02d}", text, question) for i, (text, question) in enumerate(texts)]


def check_trained_forms(documents):
    for document in documents:
        key, value = rules.asked_key(document["question"]), document["expected"]
        assert value == "not found" or rules.trained_form(key, value), f"{document['name']}: {value}"


def main():
    themes = json.loads((HERE / "themes.json").read_text())
    first, second = Assembler(themes, seed=20261123), Assembler(themes, seed=20261124)
    sets = {"one_page": make_one_page(first), "dense_pages": make_multi_page("dense_pages", first.dense_pages),
            "multi_page": make_multi_page("multi_page", second.multi_page)}
    check_trained_forms(sets["multi_page"])
    OUT.mkdir(parents=True, exist_ok=True)
    for name, documents in sets.items():
        (OUT / f"{name}.json").write_text(json.dumps(documents, indent=1) + "\n")
        print(name, len(documents), "documents,", sum(len(d["text"]) for d in documents), "characters")


if __name__ == "__main__":
    main()
