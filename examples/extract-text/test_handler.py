"""Run in this folder: PYTHONPATH=../../runtimes/python/sdk python3 -m unittest"""

import unittest

from chunks import split
from handler import DOCUMENTS, extract
from hanzo.functions import Context


class Extract(unittest.TestCase):
    def test_every_shipped_document_gives_readable_chunks(self) -> None:
        for name in DOCUMENTS:
            body = extract(Context({"document": name, "chunk_size": 200, "overlap": 30})).body
            self.assertGreater(body["statistics"]["words"], 20, name)
            self.assertTrue(all(0 < len(chunk["text"]) <= 200 for chunk in body["chunks"]))
            text = " ".join(chunk["text"] for chunk in body["chunks"])
            for mark in ("<p>", "\\par", "**", "console.log", "fonttbl", "&amp;"):
                self.assertNotIn(mark, text, name)

    def test_chunks_cover_the_text_whatever_the_sizes(self) -> None:
        text = DOCUMENTS["tides.txt"].read_text()
        for size, overlap in ((20, 0), (20, 19), (77, 30), (500, 50), (10_000, 0)):
            end = 0
            for chunk in split(text, size, overlap):
                self.assertLessEqual(chunk["start"], end)
                end = chunk["end"]
            self.assertEqual(end, len(text))

    def test_special_characters_of_rtf_are_decoded(self) -> None:
        body = extract(Context({"document": "letter.rtf"})).body
        self.assertIn("Dear Ms Müller,\n\nthank you for the nine boxes", body["chunks"][0]["text"])
        self.assertTrue(body["chunks"][0]["text"].endswith("the archive"))

    def test_bad_requests_are_told_what_to_give(self) -> None:
        self.assertEqual(extract(Context({"document": "none"})).status, 404)
        self.assertEqual(extract(Context({})).status, 400)
        self.assertEqual(extract(Context([1])).status, 400)
        self.assertEqual(extract(Context({"text": "a", "chunk_size": 30, "overlap": 30})).status, 400)
