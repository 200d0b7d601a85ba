"""Which base model a prompt belongs to. Needs no torch."""

from __future__ import annotations

from embedgrad.json_shape import Sha256, Shape


class BaseIdentity(Shape):
    """Which base model a prompt belongs to: the `base` of a prompt file.

    `weights`, `config` and `tokenizer` must agree before a prompt is used; `chat_template` only warns.
    """

    name: str
    revision: str | None
    weights: Sha256
    config: Sha256
    tokenizer: Sha256
    chat_template: Sha256 | None
