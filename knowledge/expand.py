"""A hit → more of the text around it; hits that stand side by side → one."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import takewhile

from knowledge.records import Chunk, Document, Passage
from knowledge.text import Sentence, sentences
from knowledge.tokens import Span

JOINED_MOST = 4000  # characters of passages that are made one
_LONGEST = 800  # characters; a sentence beyond that is not taken along
_TALLEST = 8000  # characters above a table's row in which its header is looked for
_RULE = re.compile(r"[\s|:-]*-[\s|:-]*")


def window(
    document_text: str, start: int, end: int, *, best: tuple[int, int], sentences: int
) -> Span:
    """The sentence that fits best with its neighbours, never beyond the section it stands in.

    Args:
        document_text: The whole document.
        start: Where the section starts: chunk.section[0].
        end: Where it ends.
        best: Span of the sentence in the document.
        sentences: How many to take along on either side; rows and list items count as such.

    >>> text = "One. Two. Three. Four. Five."
    >>> window(text, 0, len(text), best=(10, 16), sentences=1)
    Span(start=5, end=22)
    """
    first, last = best
    before = _before(document_text, max(start, first - sentences * _LONGEST), first, start)
    after = _after(document_text, last, min(end, last + sentences * _LONGEST), end)
    if sentences and before:
        first = before[-sentences:][0].start
    if sentences and after:
        last = after[:sentences][-1].end
    return Span(first, last)


def section_span(document_text: str, chunk: Chunk, most_characters: int) -> Span:
    """The section that a chunk stands in, or as much of it around the chunk as there is room for.

    It is cut between sentences, or lines of code, and is never less than the chunk.

    Args:
        document_text: The whole document.
        chunk: A hit.
        most_characters: Longest span, unless the chunk itself is longer.
    """
    start, end = min(chunk.section[0], chunk.start), max(chunk.section[1], chunk.end)
    if chunk.section == (0, 0) or chunk.end - chunk.start >= most_characters:
        return Span(chunk.start, chunk.end)
    if end - start <= most_characters:
        return Span(start, end)
    spare = most_characters - (chunk.end - chunk.start)
    above = min(chunk.start - start, max(spare // 2, spare - (end - chunk.end)))
    below = min(end - chunk.end, spare - above)
    is_code = chunk.kind == "code"
    before = _before(document_text, chunk.start - above, chunk.start, start, is_code)
    after = _after(document_text, chunk.end, chunk.end + below, end, is_code)
    return Span(before[0].start if before else chunk.start, after[-1].end if after else chunk.end)


def moved(passage: Passage, document_text: str, span: tuple[int, int]) -> Passage:
    """The passage as another span of its document, with the context which that needs.

    Where the span begins among the rows of a table, the table's header is its context; what now
    stands in the span itself is no context any more.
    """
    start, end = span
    context = passage.context
    above = document_text.rfind("\n", 0, max(start - 1, 0)) + 1
    if _is_rule(document_text[start:end].split("\n", 1)[0]) and document_text[above] == "|":
        start = above  # nothing is to be read from the rule without the header above it
    text = document_text[start:end]
    if text.startswith("|"):
        context = _header(document_text, start, context)
    elif start > passage.start and context.startswith("|"):
        context = ""  # behind the table
    if context and context in text:
        context = ""
    return replace(passage, start=start, end=end, text=text, context=context)


def join(passages: Sequence[Passage], documents: Mapping[str, Document]) -> list[Passage]:
    """Passages of a document that overlap, touch or have only white space between them, as one.

    None is made longer than JOINED_MOST. It stands where the best of them stood, with that one's
    score, similarity and why. It has the headings they share, and each context that does not
    stand in it now.

    Args:
        passages: Best first.
        documents: By id, in the version the passages are from.

    Returns:
        Best first.
    """
    places: dict[tuple[str, str], list[int]] = {}
    for place, passage in enumerate(passages):
        places.setdefault((passage.document, passage.version), []).append(place)
    joined: dict[int, Passage] = {}
    for (document, _), of_document in places.items():
        text = documents[document].text
        for run in _runs(passages, of_document, text):
            joined[min(run)] = _joined([passages[place] for place in run], passages[min(run)], text)
    return [joined[place] for place in sorted(joined)]


def _runs(passages: Sequence[Passage], places: Sequence[int], text: str) -> Iterator[list[int]]:
    run: list[int] = []
    end = 0
    for place in sorted(places, key=lambda place: (passages[place].start, passages[place].end)):
        passage = passages[place]
        longer = run and passage.end - passages[run[0]].start > JOINED_MOST
        if longer or (run and text[end : passage.start].strip()):
            yield run
            run, end = [], 0
        run.append(place)
        end = max(end, passage.end)
    yield run


def _joined(members: Sequence[Passage], best: Passage, text: str) -> Passage:
    if len(members) == 1:
        return best
    start, end = members[0].start, max(member.end for member in members)
    text = text[start:end]
    contexts = [c for c in dict.fromkeys(m.context for m in members) if c and c not in text]
    levels = zip(*(member.heading for member in members), strict=False)
    same = takewhile(lambda names: len(set(names)) == 1, levels)
    return replace(
        best,
        start=start,
        end=end,
        text=text,
        heading=tuple(names[0] for names in same),
        context="\n".join(contexts),
    )


def _before(text: str, low: int, at: int, start: int, is_code: bool = False) -> list[Sentence]:
    """The sentences between two places; the first only if it is whole."""
    found = _split(text, low, at, is_code)
    return found[1:] if low > start else found


def _after(text: str, at: int, high: int, end: int, is_code: bool = False) -> list[Sentence]:
    """The sentences between two places; the last only if it is whole."""
    found = _split(text, at, high, is_code)
    return found[:-1] if high < end else found


def _split(text: str, start: int, end: int, is_code: bool) -> list[Sentence]:
    if not is_code:
        found = sentences(text[start:end])
        return [Sentence(start + one.start, start + one.end, one.text) for one in found]
    lines = re.finditer(r"\S.*", text[start:end])
    return [Sentence(start + line.start(), start + line.end(), line[0]) for line in lines]


def _header(text: str, at: int, known: str) -> str:
    """The header and rule above a row of a table; empty if the row is the header, or has none."""
    low = max(0, at - _TALLEST)
    above = text[low:at].split("\n")[1 if low else 0 : -1]
    for n in range(len(above) - 1, -1, -1):
        if not above[n].lstrip().startswith("|"):
            return ""
        if n and _is_rule(above[n]):
            return "\n".join(above[n - 1 : n + 1]).strip()
    return known if low else ""


def _is_rule(line: str) -> bool:
    return line.lstrip().startswith("|") and _RULE.fullmatch(line) is not None
