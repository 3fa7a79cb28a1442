"""Composes documents from the titles, sentences and fields of themes.json with a fixed seed."""
import random

import document_rules as rules
import text_style


class Assembler:
    def __init__(self, themes, seed):
        self._themes = themes
        self._random = random.Random(seed)

    def one_page(self):
        while True:
            theme = self._random.choice(self._themes)
            lines = self._section(theme, self._random.randint(1, 6), self._random.randint(0, 4))
            if len(text_style.visual_lines("\n".join(lines))) <= 12:
                text = self._add_blank_lines(lines)
                if len(text_style.visual_lines(text)) <= text_style.LINES_PER_PAGE:
                    return text

    def dense_pages(self, pages):
        """(text, question): sections full of fields, values of any form."""
        return self._document(pages, lambda theme: self._section(
            theme, self._random.randint(4, 11), self._random.randint(3, 9)))

    def multi_page(self, pages):
        """(text, question): prose with a field here and there, as nano was trained to search."""
        return self._document(pages, self._prose_section)

    def _document(self, pages, make_section):
        while True:
            text = self._sections(pages, make_section)
            try:
                rules.check(text)
                fields = rules.fields_of(text)
            except AssertionError:
                continue  # a blank line at a page's edge, or a key in two sections
            if rules.num_pages(text) == pages:
                return text, self._question(text, fields)

    def _sections(self, pages, make_section):
        sections = [make_section(theme) for theme in self._random.sample(self._themes, len(self._themes))]
        lines = []
        for section in sections:
            lines += section
            if len(text_style.visual_lines("\n".join(lines))) >= 13 * (pages - 1) + 3:
                break
        return self._add_blank_lines(lines)

    def _title(self, theme):
        return self._random.choice(theme["titles"]).format(name=self._random.choice(theme["names"]))

    def _section(self, theme, num_sentences, num_fields):
        pick = self._random
        lines = [self._title(theme)]
        sentences = pick.sample(theme["sentences"], num_sentences)
        keys = pick.sample(sorted(theme["keys"]), num_fields)
        fields = [f"{key}: {pick.choice(theme['keys'][key])}" for key in keys]
        while sentences or fields:
            if fields and (not sentences or pick.random() < 0.5):
                take = pick.randint(1, 4)
                lines, fields = lines + fields[:take], fields[take:]
            else:
                take = pick.randint(1, 4)
                block, sentences = sentences[:take], sentences[take:]
                lines += _paragraph(block)
        return lines

    def _prose_section(self, theme):
        pick = self._random
        sentences = pick.sample(theme["sentences"], pick.randint(8, 14))
        keys = [key for key, values in theme["keys"].items() if any(rules.trained_form(key, v) for v in values)]
        lines = [self._title(theme)]
        for key in pick.sample(sorted(keys), len(sentences) // 4):
            value = pick.choice([v for v in theme["keys"][key] if rules.trained_form(key, v)])
            block, sentences = sentences[:4], sentences[4:]
            lines += [*_paragraph(block[:2]), f"{key}: {value}", *_paragraph(block[2:])]
        return lines + (_paragraph(sentences) if sentences else [])

    def _add_blank_lines(self, lines):
        """Sometimes sets a blank line between source lines, never at the edge of a page."""
        text = ""
        for line in lines:
            at = len(text_style.visual_lines(text[:-1])) if text else 0
            if text and at % 13 not in (0, 12) and self._random.random() < 0.15:
                text += "\n"
            text += line + "\n"
        return text[:-1]

    def _question(self, text, fields):
        pick = self._random
        known = [key for theme in self._themes for key in theme["keys"]]
        present = [key for key in known if key.lower() in fields and not rules.near_keys(key.lower(), fields)]
        key = pick.choice(present)
        if pick.random() < 0.16:  # a key of another theme stands on no page
            key = pick.choice([k for k in known if k not in text
                               and not rules.near_keys(k.lower(), fields, distance=5)])
        return pick.choice(["Find: {}", "Find: {}", "What is the {}?"]).format(key)


def _paragraph(sentences):
    """Prose flows as one line of the source; comments and code stand line by line."""
    prose = all(ord(sentence[0]) > ord("@") for sentence in sentences)
    return [" ".join(sentences)] if prose else list(sentences)
