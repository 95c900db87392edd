"""The engine that the settings ask for: a model in this process, or a server's."""

from __future__ import annotations

from loop.models.records import BASE, Engine, Generation, GenerationRequest, TextStream
from loop.settings import Settings

__all__ = ["BASE", "Engine", "Generation", "GenerationRequest", "TextStream", "load_engine"]


def load_engine(settings: Settings) -> Engine:
    """The engine of the assistant in `settings`.

    With `assistant.endpoint` set, an OpenAI-compatible server generates; else the base model is
    loaded into this process, on the GPU where there is one.

    Raises:
        RatchetError: The base model cannot be had, or the endpoint is no URL.
    """
    assistant = settings.assistant
    if assistant.endpoint:
        from loop.models.openai import OpenAIEngine

        return OpenAIEngine(assistant.endpoint, assistant.base)
    from loop.models.load import load_base
    from loop.models.local import LocalEngine

    return LocalEngine(load_base(assistant.base, root=settings.root))
