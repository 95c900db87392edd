"""presidio-analyzer's pattern recognisers beside our own rules. Optional: the extra `presidio`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from knowledge.errors import RatchetError
from knowledge.pii import Recogniser, Span

if TYPE_CHECKING:
    from presidio_analyzer import AnalyzerEngine

LEAST_SCORE = 0.4  # a bare pattern scores less; with a context word or a checksum it scores more
# Not personal by themselves, or named by a language model only.
LEFT_OUT = frozenset({"DATE_TIME", "URL", "NRP", "LOCATION", "PERSON", "ORGANIZATION"})


def presidio_recogniser() -> Recogniser:
    """Presidio's findings of at least `LEAST_SCORE`, as a recogniser.

    Raises:
        RatchetError: presidio-analyzer is not installed.
    """
    engine = analyzer()
    wanted = [e for e in engine.get_supported_entities("en") if e not in LEFT_OUT]

    def find(texts: Sequence[str]) -> list[list[Span]]:
        found = []
        for text in texts:
            results = engine.analyze(text, "en", entities=wanted, score_threshold=LEAST_SCORE)
            found.append(
                [Span(r.entity_type, r.start, r.end, text[r.start : r.end]) for r in results]
            )
        return found

    return find


@cache
def analyzer() -> AnalyzerEngine:
    """Presidio's analyzer with its predefined recognisers for English and no language model.

    A blank pipeline splits words, so that words of context beside a number still count.

    Raises:
        RatchetError: presidio-analyzer is not installed.
    """
    try:
        import spacy
        import tldextract.tldextract as suffixes
        from presidio_analyzer import AnalyzerEngine
        from presidio_analyzer.nlp_engine import NlpArtifacts, NlpEngine
    except ImportError as problem:
        raise RatchetError(
            "curate.recognisers names presidio, which is not installed. "
            "Install it with `pip install 'ratchet-loop[presidio]'`, or take it out of the list."
        ) from problem

    # Its e-mail rule would fetch a list of domains from the web; the list that it brings will do.
    suffixes.TLD_EXTRACTOR = suffixes.TLDExtract(suffix_list_urls=())

    class Words(NlpEngine):  # type: ignore[misc]
        """Splits words; knows no names."""

        def __init__(self) -> None:
            self._pipeline = spacy.blank("en")

        def load(self) -> None:
            """Nothing to load."""

        def is_loaded(self) -> bool:
            return True

        def process_text(self, text: str, language: str) -> NlpArtifacts:
            words = self._pipeline(text)
            lemmas = [word.text.lower() for word in words]
            places = [word.idx for word in words]
            return NlpArtifacts([], words, places, lemmas, self, language)

        def process_batch(
            self, texts: Iterable[str], language: str, **kwargs: Any
        ) -> Iterable[tuple[str, NlpArtifacts]]:
            return ((text, self.process_text(text, language)) for text in texts)

        def is_stopword(self, word: str, language: str) -> bool:
            return bool(self._pipeline.vocab[word].is_stop)

        def is_punct(self, word: str, language: str) -> bool:
            return bool(self._pipeline.vocab[word].is_punct)

        def get_supported_entities(self) -> list[str]:
            return []

        def get_supported_languages(self) -> list[str]:
            return ["en"]

    return AnalyzerEngine(nlp_engine=Words(), supported_languages=["en"])
