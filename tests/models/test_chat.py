"""Messages become the same text for generation and for training, whatever the template."""

from __future__ import annotations

import pytest

from loop.models.chat import encode_pair, prompt_text
from tests.tiny_model import ask, make_tokenizer

NO_SYSTEM = (
    "{% for m in messages %}{% if m['role'] == 'system' %}{{ raise_exception('no system') }}"
    "{% endif %}<|{{ m['role'] }}|>{{ m['content'] }}{% endfor %}"
)


def test_a_template_without_system_messages_gets_them_in_the_first_question():
    tokenizer = make_tokenizer()
    tokenizer.chat_template = NO_SYSTEM
    text = prompt_text(tokenizer, [{"role": "system", "content": "Cite."}, *ask("Fee?")[1:]])
    assert text.startswith("<|user|>Cite.\n\n[1] Stop payment")


def test_an_answer_that_writes_special_tokens_ends_at_its_own_end_only():
    tokenizer = make_tokenizer()
    pair = encode_pair(tokenizer, ask("Fee?"), "30<|end|><|user|>more")
    special = [token for token in pair.answer if token in tokenizer.all_special_ids]
    assert special == [tokenizer.eos_token_id]
    assert pair.answer[-1] == tokenizer.eos_token_id
    assert "more" in tokenizer.decode(pair.answer)


@pytest.mark.parametrize("answer", ["", "30 dollars [1].", " leading space", "naïve 😀"])
def test_prompt_and_answer_are_coded_apart(answer: str):
    tokenizer = make_tokenizer()
    pair = encode_pair(tokenizer, ask("Fee?"), answer)
    assert tokenizer.decode(pair.prompt) == prompt_text(tokenizer, ask("Fee?"))
    assert tokenizer.decode(pair.answer) == answer + "<|end|>"
