"""README.zh-CN.md is README.md in another language: the same sections, commands, code and links.

What a translator may change is prose. Whoever changes the one has to change the other, and this
says where they have come apart.
"""

import re
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
_FENCE = re.compile(r"^(?P<mark><!-- .*? -->\n)?```(?P<body>.*?)^```$", re.S | re.M)
_HEADING = re.compile(r"^(?P<level>#+) (?P<text>.*)$", re.M)
_CODE = re.compile(r"`[^`\n]+`")
_LINK = re.compile(r"\]\(([^)]*)\)")
_HAN = re.compile(r"[一-鿿]")


class Section:
    """A heading and what is below it."""

    def __init__(self, level: str, heading: str, text: str, fences: list[str]) -> None:
        self.level = level
        self.heading = heading
        self.fences = fences
        self.code = Counter(_CODE.findall(text))
        self.links = Counter(_LINK.findall(text))
        self.rows = sum(line.lstrip().startswith("|") for line in text.splitlines())
        self.items = sum(line.startswith("- ") for line in text.splitlines())
        self.text = text


def sections(file: str) -> list[Section]:
    page = (ROOT / file).read_text(encoding="utf-8")
    fences = [match[0] for match in _FENCE.finditer(page)]
    # A marker in the place of each, so that nothing in code is taken for prose.
    page = _FENCE.sub("\0", page)
    found = list(_HEADING.finditer(page))
    ends = [match.start() for match in found[1:]] + [len(page)]
    given = iter(fences)
    return [
        Section(match["level"], match["text"], text, [next(given) for _ in range(text.count("\0"))])
        for match, end in zip(found, ends, strict=True)
        for text in [page[match.end() : end]]
    ]


ENGLISH, CHINESE = sections("README.md"), sections("README.zh-CN.md")
PAIRS = [
    pytest.param(ours, theirs, id=ours.heading)
    for ours, theirs in zip(ENGLISH, CHINESE, strict=False)
]


def test_the_headings_correspond() -> None:
    assert [section.level for section in CHINESE] == [section.level for section in ENGLISH]
    assert len(ENGLISH) > 5
    for ours, theirs in zip(ENGLISH[1:], CHINESE[1:], strict=True):
        assert _HAN.search(theirs.heading), f"{ours.heading!r} is not translated"


@pytest.mark.parametrize(("ours", "theirs"), PAIRS)
def test_commands_and_code_are_the_same(ours: Section, theirs: Section) -> None:
    assert theirs.fences == ours.fences
    assert theirs.code == ours.code


@pytest.mark.parametrize(("ours", "theirs"), PAIRS)
def test_the_text_has_the_same_parts(ours: Section, theirs: Section) -> None:
    assert (theirs.rows, theirs.items) == (ours.rows, ours.items)
    # A section of the page itself has another anchor there, and the pages link to each other.
    pages = {"README.md", "README.zh-CN.md"}
    assert [link for link in theirs.links if link not in pages] == [
        link for link in ours.links if link not in pages
    ]
    assert _HAN.search(theirs.text)
