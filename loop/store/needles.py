"""Looking for texts byte by byte: in files as they lie, and in what is packed within them.

Needles are found anywhere. Words are found in text only, where no letter or digit goes on before or
after them: that is for what is short, or stands within other words.

`python -m loop.store.needles` reads {"files": […], "needles": […], "words": […]} from stdin and
prints what was found. The store is searched by such a process: closing a file of the store in the
process that holds it would let go of its lock.
"""

from __future__ import annotations

import gzip
import json
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from knowledge.errors import RatchetError

SHORTEST = 6  # bytes; anything shorter stands in any large file by chance
_CHUNK = 1 << 24  # bytes looked at together
_ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Searched:
    """What a search saw."""

    files: int
    bytes: int  # as the files lie; what was unpacked counts once more
    found: dict[str, int]  # file → number of different needles and words in it


def written(needles: Iterable[str]) -> list[bytes]:
    """Each needle as it may stand in a file: UTF-8, and as JSON writes it, escaped or not.

    >>> [one.decode() for one in written(["Müller?"])]
    ['Müller?', 'M\\\\u00fcller?']
    """
    forms: dict[bytes, None] = {}
    for needle in needles:
        for text in (
            needle,
            json.dumps(needle)[1:-1],
            json.dumps(needle, ensure_ascii=False)[1:-1],
        ):
            content = text.encode("utf-8", "surrogatepass")
            if len(content) >= SHORTEST:
                forms[content] = None
    return list(forms)


def word_pattern(words: Iterable[str]) -> re.Pattern[bytes]:
    """Finds a word that stands by itself, as UTF-8 or escaped in JSON.

    >>> [bool(word_pattern(["ada"]).search(text)) for text in (b'"ada"', b"adagio", b"ada-2")]
    [True, False, False]
    """
    forms = {
        form.encode()
        for word in words
        for form in (word, json.dumps(word)[1:-1], json.dumps(word, ensure_ascii=False)[1:-1])
    }
    either = b"|".join(re.escape(form) for form in sorted(forms)) or b"(?!)"
    return re.compile(rb"(?<![A-Za-z0-9_-])(?:" + either + rb")(?![A-Za-z0-9_-])")


def search_files(
    files: Iterable[Path], needles: Sequence[str], words: Sequence[str] = ()
) -> Searched:
    """Which files hold how many of them; needles shorter than SHORTEST bytes are not looked for.

    Parquet, gzip and zip files are searched as they lie and unpacked. A file that goes away
    meanwhile is passed over.

    Raises:
        RatchetError: A file cannot be read.
    """
    look, pattern = _Look(written(needles)), word_pattern(words)
    count, size, found = 0, 0, {}
    for path in files:
        hits: set[int | bytes] = set()
        try:
            for content in _contents(path):
                size += len(content)
                hits |= look(content)
                if words and b"\0" not in content:
                    hits |= set(pattern.findall(content))
        except FileNotFoundError:
            continue
        except OSError as problem:
            raise RatchetError(f"{path}: cannot be searched: {problem.strerror}.") from problem
        count += 1
        if hits:
            found[str(path)] = len(hits)
    return Searched(files=count, bytes=size, found=found)


def which(files: Iterable[Path], needles: Sequence[str]) -> set[str]:
    """Those of the needles that stand in one of the files."""
    forms = [(form, needle) for needle in needles for form in written([needle])]
    look = _Look([form for form, _ in forms])
    found: set[int] = set()
    for path in files:
        for content in _contents(path):
            found |= look(content)
    return {forms[n][1] for n in found}


def search_apart(
    files: Sequence[Path], needles: Sequence[str], words: Sequence[str] = ()
) -> Searched:
    """The same in a process of its own, which holds no lock that it could let go of."""
    names = [str(path) for path in files]
    asked = json.dumps({"files": names, "needles": list(needles), "words": list(words)})
    done = subprocess.run(
        [sys.executable, "-m", "loop.store.needles"],
        input=asked, capture_output=True, text=True, cwd=_ROOT, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        raise RatchetError(f"The search failed: {done.stderr.strip()[-300:]}")
    return Searched(**json.loads(done.stdout))


class _Look:
    """Finds any of many byte strings in one pass.

    Eight bytes at a time are taken for a number; only where that is the start of a needle is the
    rest compared.
    """

    def __init__(self, needles: Sequence[bytes]) -> None:
        import numpy as np

        self._short = [(n, one) for n, one in enumerate(needles) if len(one) < 8]
        self._by_start: dict[int, list[tuple[int, bytes]]] = {}
        for n, one in enumerate(needles):
            if len(one) >= 8:
                self._by_start.setdefault(int.from_bytes(one[:8], "little"), []).append((n, one))
        self._starts = np.array(sorted(self._by_start), np.uint64)
        self._low = np.zeros(1 << 16, bool)
        self._low[(self._starts & np.uint64(0xFFFF)).astype(np.int64)] = True
        self._high = np.zeros(1 << 16, bool)
        self._high[(self._starts >> np.uint64(48)).astype(np.int64)] = True

    def __call__(self, content: bytes | memoryview) -> set[int]:
        """The numbers of the needles that are in it."""
        content = bytes(content)
        found = {n for n, one in self._short if one in content}
        for place in self._places(content):
            start = int.from_bytes(content[place : place + 8], "little")
            found |= {n for n, one in self._by_start[start] if content.startswith(one, place)}
        return found

    def _places(self, content: bytes) -> Iterator[int]:
        """Where the first eight bytes of some needle stand."""
        import numpy as np

        if len(self._starts) == 0:
            return
        for shift in range(8):
            count = (len(content) - shift) // 8
            if count <= 0:
                return
            value_n = np.frombuffer(content, "<u8", count, shift)
            near_n = self._low[(value_n & np.uint64(0xFFFF)).astype(np.uint16)]
            near_n &= self._high[(value_n >> np.uint64(48)).astype(np.uint16)]
            [place_m] = np.nonzero(near_n)
            sure_k = place_m[np.isin(value_n[place_m], self._starts)]
            yield from (int(n) * 8 + shift for n in sure_k)


def _contents(path: Path) -> Iterator[bytes]:
    """A file as it lies, in pieces that overlap, and unpacked."""
    with path.open("rb") as file:
        before = file.read(4)
        file.seek(0)
        yield from _pieces(iter(lambda: file.read(_CHUNK), b""))
    if before == b"PAR1":
        yield from _parquet(path)
    elif before[:2] == b"\x1f\x8b":
        with gzip.open(path) as packed:
            yield from _pieces(iter(lambda: packed.read(_CHUNK), b""))
    elif before == b"PK\x03\x04":
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                with archive.open(name) as member:
                    yield from _pieces(iter(lambda m=member: m.read(_CHUNK), b""))  # type: ignore[misc]


def _pieces(chunks: Iterable[bytes], overlap: int = 4096) -> Iterator[bytes]:
    """Chunks with the end of the one before, so that nothing hides at a seam."""
    tail = b""
    for chunk in chunks:
        yield tail + chunk
        tail = chunk[-overlap:]


def _parquet(path: Path) -> Iterator[bytes]:
    """The values of a Parquet file, as JSON lines; a damaged one is searched as it lies only."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(1000):
                yield json.dumps(batch.to_pylist(), ensure_ascii=False, default=str).encode()
    except (pa.ArrowException, OSError):
        return


def main() -> None:
    """Search as asked on stdin."""
    asked = json.load(sys.stdin)
    done = search_files([Path(name) for name in asked["files"]], asked["needles"], asked["words"])
    print(json.dumps({"files": done.files, "bytes": done.bytes, "found": done.found}))


if __name__ == "__main__":
    main()
