"""Chunks of text that end at sentences or words where they can."""

import re

_ENDS = re.compile(r"(?<=[.!?])\s+|\n+")


def split(text: str, size: int, overlap: int) -> list[dict]:
    """Chunks of at most ``size`` characters; each begins ``overlap`` characters, or fewer, before the last one ended."""
    chunks: list[dict] = []
    start = 0
    while start < len(text):
        end = _end(text, start, size)
        piece = text[start:end].strip()
        if piece:
            chunks.append({"index": len(chunks), "start": start, "end": end, "words": len(piece.split()), "text": piece})
        if end >= len(text):
            break
        start = max(_word_start(text, end - overlap, end), start + 1)
    return chunks


def _end(text: str, start: int, size: int) -> int:
    limit = start + size
    if limit >= len(text):
        return len(text)
    ends = [match.end() for match in _ENDS.finditer(text, start + size // 2, limit)]
    if ends:
        return ends[-1]
    space = text.rfind(" ", start + 1, limit)
    return space + 1 if space > start else limit


def _word_start(text: str, at: int, end: int) -> int:
    """The first beginning of a word from ``at`` on, at most ``end``."""
    while at < end and at > 0 and not text[at - 1].isspace():
        at += 1
    return max(at, 0)


def statistics(text: str, chunks: list[dict]) -> dict:
    words = re.findall(r"\w+", text.lower())
    lengths = [len(chunk["text"]) for chunk in chunks]
    return {
        "characters": len(text),
        "words": len(words),
        "unique_words": len(set(words)),
        "lines": len(text.splitlines()),
        "chunks": len(chunks),
        "longest_chunk": max(lengths, default=0),
        "mean_chunk": round(sum(lengths) / len(lengths), 1) if lengths else 0,
    }
