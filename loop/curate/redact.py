"""Personal data goes before anything leaves the store: masked, replaced, or the row with it."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from knowledge.errors import RatchetError
from knowledge.pii import Span, find_personal_data, found_in, mask, united
from knowledge.pseudonyms import STAND_IN, Pseudonyms
from loop.curate.recognisers import found_beside
from loop.curate.review import Review, Sample
from loop.settings import CurateSettings

POLICIES = ("mask", "drop", "pseudonymise")
LEAST_KEY = 16  # characters of a key


@dataclass(slots=True)
class Redactor:
    """Takes personal data out of batches of texts, and remembers what it took.

    Made once in a process by `redactor`; it can be pickled. `replaced` counts replacements by type
    and `sample` keeps some of them for a person to look at; both add up over calls.
    """

    policy: str
    key: bytes = field(default=b"", repr=False)  # for stand-ins only
    recognisers: tuple[str, ...] = ()
    links: bool = False
    sample: Sample = field(default_factory=lambda: Sample(0))
    replaced: Counter[str] = field(default_factory=Counter)

    def texts(self, texts: Sequence[str], conversations: Sequence[str]) -> list[str]:
        """The texts without personal data; those that hold none are the same objects.

        Args:
            texts: As they were said.
            conversations: Of each text, the conversation within which stand-ins are the same.

        Returns:
            Under "drop" masked all the same, so that what a caller failed to drop leaks nothing.
        """
        pairs = zip(texts, conversations, self._findings(texts), strict=True)
        return [self._clean(*pair) if pair[2] else pair[0] for pair in pairs]

    def found(self, texts: Sequence[str]) -> list[bool]:
        """Whether each text holds personal data."""
        return [bool(spans) for spans in self._findings(texts)]

    @property
    def drops(self) -> bool:
        """Do rows go rather than what is personal in them?"""
        return self.policy == "drop"

    def review(self) -> list[Review]:
        """The sample so far, see `Sample`."""
        return self.sample.rows()

    def _findings(self, texts: Sequence[str]) -> list[Sequence[Span]]:
        different = list(dict.fromkeys(texts))  # rows share prompts, an answer has several rows
        found: Sequence[Sequence[Span]] = found_in(different, links=self.links)
        if self.recognisers:
            theirs = found_beside(self.recognisers, different)
            found = [
                united(text, spans, _not_ours(text, more))
                for text, spans, more in zip(different, found, theirs, strict=True)
            ]
        of_text = dict(zip(different, found, strict=True))
        return [of_text[text] for text in texts]

    def _clean(self, text: str, conversation: str, spans: Sequence[Span]) -> str:
        names = Pseudonyms(self.key) if self.policy == "pseudonymise" else None

        def stand_in(span: Span) -> str:
            if names is None:
                return f"[{span.type}]"
            return names.stand_in(conversation, span.type, span.value)

        while spans:  # what stood beside a finding may be one itself once that is gone
            clean = mask(text, spans, stand_in)
            self.replaced.update(span.type for span in spans)
            self.sample.add(text, spans)
            text, spans = clean, find_personal_data(clean, links=self.links)
        return text


def redactor(rules: CurateSettings, environ: Mapping[str, str] = os.environ) -> Redactor:
    """The redactor that the settings ask for.

    Raises:
        RatchetError: There is no such policy, or "pseudonymise" has no key to work with.
    """
    check_policy(rules.personal_data)
    key = b""
    if rules.personal_data == "pseudonymise":
        key = pseudonym_key(rules.pseudonym_key_env, environ)
    return Redactor(
        rules.personal_data,
        key,
        rules.recognisers,
        rules.mask_links,
        Sample(rules.review_sample),
    )


def pseudonym_key(name: str, environ: Mapping[str, str] = os.environ) -> bytes:
    """The secret that stand-ins are made with.

    Raises:
        RatchetError: The environment variable is not set, or too short to be a secret.
    """
    key = environ.get(name, "")
    if len(key) < LEAST_KEY:
        raise RatchetError(
            f'curate.personal_data is "pseudonymise", which needs a secret of at least {LEAST_KEY} '
            f"characters in the environment variable {name}; it has {len(key)}. Make one with "
            "`openssl rand -hex 32`, keep it out of the project, and use the same one each time."
        )
    return key.encode()


def check_policy(policy: str) -> None:
    """Raise RatchetError unless there is such a policy."""
    if policy not in POLICIES:
        raise RatchetError(
            f"curate.personal_data is {policy!r}, expected {' or '.join(POLICIES)}. "
            "Mend it in ratchet.toml."
        )


def _not_ours(text: str, spans: Sequence[Span]) -> list[Span]:
    """Without those that touch a stand-in which already stood in the text."""
    taken = [match.span() for match in STAND_IN.finditer(text)] if "[" in text else []
    return [
        span for span in spans if not any(span.start < end and at < span.end for at, end in taken)
    ]
