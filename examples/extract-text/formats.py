"""Plain text from the formats that the documents come in."""

import csv
import re
from html.parser import HTMLParser

_SKIPPED = {"script", "style", "head", "template"}
_BLOCKS = {"p", "div", "li", "tr", "br", "h1", "h2", "h3", "h4", "section", "article", "ul", "ol", "table", "pre"}


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._skipping = 0

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag in _SKIPPED:
            self._skipping += 1
        elif tag in _BLOCKS:
            self.parts.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in _SKIPPED:
            self._skipping = max(0, self._skipping - 1)
        elif tag in _BLOCKS:
            self.parts.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._skipping:
            self.parts.append(data)


def extract_html(source: str) -> str:
    parser = _Text()
    parser.feed(source)
    parser.close()
    lines = (" ".join(line.split()) for line in "".join(parser.parts).split("\n"))
    return "\n".join(line for line in lines if line)


def extract_markdown(source: str) -> str:
    text = re.sub(r"^```.*$", "", source, flags=re.MULTILINE)
    text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", text)
    text = re.sub(r"^ {0,3}(#{1,6}|>|[-*+]|\d+\.)\s+", "", text, flags=re.MULTILINE)
    text = re.sub(r"(\*\*|__|[*_`])(\S(?:.*?\S)?)\1", r"\2", text)
    return re.sub(r"\n{3,}", "\n\n", text).strip()


def extract_csv(source: str) -> str:
    """One sentence a row: ``column: value, column: value``."""
    rows = csv.DictReader(source.splitlines())
    return "\n".join(", ".join(f"{name}: {value}" for name, value in row.items() if name and value) for row in rows)


def extract_rtf(source: str) -> str:
    text = re.sub(r"\{\\(?:fonttbl|colortbl|stylesheet|info)(?:[^{}]|\{[^{}]*\})*\}", "", source)
    # A line break of the file only ends a control word; a line of the text ends with \\par.
    text = re.sub(r"(\\[a-z]+-?\d*)\n", r"\1 ", text).replace("\n", "")
    text = re.sub(r"\\par\b ?", "\n", text)
    text = re.sub(r"\\u(-?\d+) ?\??", lambda match: chr(int(match[1]) % 65536), text)
    text = re.sub(r"\\'([0-9a-fA-F]{2})", lambda match: bytes.fromhex(match[1]).decode("cp1252", "replace"), text)
    text = re.sub(r"\\[a-z]+-?\d* ?", "", text)
    return re.sub(r"[{}]", "", text).strip()


FORMATS = {".txt": str.strip, ".md": extract_markdown, ".html": extract_html, ".csv": extract_csv, ".rtf": extract_rtf}
