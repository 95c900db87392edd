"""The pocket model's tokenizer: byte-level BPE, one token a digit, trained on the recipe's text."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

from loop.pocket import words
from loop.pocket.lessons import MIXED, make_lesson

USER, ASSISTANT, END, PAD = "<|user|>", "<|assistant|>", "<|end|>", "<|pad|>"
# The system message is built in: the model has learnt one job and needs no telling.
CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{% if message['role'] == 'user' %}<|user|>{{ message['content'] }}"
    "{% elif message['role'] == 'assistant' %}<|assistant|>"
    "{% generation %}{{ message['content'] }}<|end|>{% endgeneration %}{% endif %}"
    "{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


def train_tokenizer(
    folder: Path, *, seed: int = 11, vocabulary: int = 4096, lessons: int = 20_000
) -> None:
    """Train on lessons plus the common words, and write the tokenizer's files into the folder."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    rng = Random(seed)
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(r"\d"), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()

    def texts() -> list[str]:
        known = [" ".join(words.COMMON)] * 300 + [
            " ".join(w.capitalize() for w in words.COMMON)
        ] * 60
        made = [make_lesson(rng, sentences=6, questions=2, habits=MIXED) for _ in range(lessons)]
        return known + [f"{m.passages} {t.question} {t.answer}" for m in made for t in m.turns]

    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=[PAD, USER, ASSISTANT, END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts(), trainer)
    fast: Any = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer,
        pad_token=PAD,
        eos_token=END,
        bos_token=None,
        additional_special_tokens=[USER, ASSISTANT],
        clean_up_tokenization_spaces=False,
        model_max_length=1024,
    )
    fast.chat_template = CHAT_TEMPLATE
    fast.save_pretrained(folder)
