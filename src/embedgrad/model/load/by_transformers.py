"""transformers' own loading: one model at a time, without its notices, and its errors with the model's name."""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import RLock
from typing import TypeVar

import transformers

from embedgrad.errors import EmbedgradError, ModelError

Loaded = TypeVar("Loaded")

_LOADING = RLock()  # what is changed here, and by transformers meanwhile, is changed for the whole process


def told(label: str, load: Callable[[], Loaded]) -> Loaded:
    """What `load()` gives; transformers' many exceptions become one ModelError with the model's name."""
    try:
        return load()
    except (EmbedgradError, KeyboardInterrupt):
        raise
    except json.JSONDecodeError as error:
        raise ModelError(f"The model folder of {label} holds JSON that cannot be read: {error}.") from error
    except Exception as error:  # transformers, tokenizers and safetensors share no base class
        first_line = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ModelError(
            f"{label} cannot be loaded by transformers {transformers.__version__}: {first_line}"
        ) from error


@contextmanager
def quiet() -> Iterator[None]:
    """Alone, and with transformers' progress bars and notices off; ours say what matters."""
    log = transformers.utils.logging
    with _LOADING:
        verbosity, bars = log.get_verbosity(), log.is_progress_bar_enabled()
        log.set_verbosity(logging.CRITICAL)
        log.disable_progress_bar()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                yield
        finally:
            log.set_verbosity(verbosity)
            if bars:
                log.enable_progress_bar()
