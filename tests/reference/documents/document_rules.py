"""What a golden document must be: inside of what nano says it can read."""
import re

import text_style

MIN_KEY_DISTANCE = 3  # nano's stated weakness: keys one letter apart

# The values nano was trained to find (nano_training/make_corpus.py, key() and val()): codes, numbers,
# hosts and paths without spaces, dates, up to three words, words with a number, a number with a unit.
_TRAINED_VALUE = re.compile(
    r"[A-Za-z0-9$%@/._:,~-]+"
    r"|\d{1,2} [A-Z][a-z]+ \d{4}"
    r"|[A-Za-z]+( [A-Za-z]+){1,2}"
    r"|[A-Za-z]+( [A-Za-z]+)? [\d.,%-]+"
    r"|[-+]?[\d.,-]+ [A-Za-z%/]+")


def trained_form(key, value):
    return 3 <= len(key) <= 22 and len(value) <= 26 and _TRAINED_VALUE.fullmatch(value) is not None


def edit_distance(a, b):
    row = list(range(len(b) + 1))
    for i, left in enumerate(a, 1):
        previous, row[0] = row[0], i
        for j, right in enumerate(b, 1):
            previous, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, previous + (left != right))
    return row[-1]


def near_keys(key, fields, distance=MIN_KEY_DISTANCE):
    return [other for other in fields if other != key and edit_distance(other, key) < distance]


def num_pages(text):
    return -(-len(text_style.visual_lines(text)) // text_style.LINES_PER_PAGE)


def fields_of(text):
    """KEY -> VALUE of every visual line `KEY: VALUE`, keys in lower case."""
    fields = {}
    for line in text_style.visual_lines(text):
        key, colon, value = line.partition(": ")
        if colon and key and value and not key.startswith(" "):
            assert key.lower() not in fields, f"key twice: {key}"
            fields[key.lower()] = value
    return fields


def check(text):
    """Asserts the rules every page follows; the visual lines."""
    lines = text_style.visual_lines(text)
    assert all(" " <= c <= "~" for line in lines for c in line), "outside U+0020..U+007E"
    assert all(line == line.rstrip() for line in lines), "spaces at a line's end"
    edges = [i for i in range(len(lines)) if i % text_style.LINES_PER_PAGE in (0, 12)]
    assert all(lines[i] for i in edges) and lines[-1], f"a page begins or ends blank: {lines[0]}"
    assert not all(line.startswith(" ") for line in lines), "every line begins with a space"
    return lines


def asked_key(question):
    if question.startswith("Find: "):
        return question.removeprefix("Find: ")
    for prefix in ("What is the ", "What is ", "Which "):
        question = question.removeprefix(prefix)
    return question.removesuffix("?")
