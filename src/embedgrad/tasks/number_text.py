r"""Text made ready for reading numbers: LaTeX, full-width digits, powers, other spaces and minus signs as ASCII."""

from __future__ import annotations

import re
import unicodedata

from embedgrad.tasks.conclusion import half_width

_FRACTION = re.compile(r"\\[dt]?frac\{([0-9]{1,99})\}\{([0-9]{1,99})\}")
_MIXED = re.compile(r"(?<=[0-9])(?=\\[dt]?frac\{)")
_COMMAND = re.compile(r"\\(?:([,:; !])|([A-Za-z]+))")
_VULGAR = re.compile("[\u00bc-\u00be\u2150-\u215e]")
_RAISED = re.compile("[\u2070\u00b9\u00b2\u00b3\u2074-\u2079\u207a\u207b]+")
_SPACE = re.compile("[\u00a0\u2007\u2009\u202f]")
_OTHER_DIGIT = re.compile(r"(?![0-9])\d")
_PRICE = re.compile(r"(?<=[0-9])([.,])[-–—](?![0-9A-Za-z])")  # 500,- is 500,00
_TIMES = {"times": "×", "cdot": "×", "circ": "°", "degree": "°", "pm": "±", "div": "÷"}


def plain_numbers(text: str) -> str:
    """`text` in which a number stands as it is typed: `\\frac{1}{2}` and ½ as 1/2, `1{,}234` as 1,234, m² as m^2.

    An em or en dash stays what it is; every other space within a line becomes the common one.
    """
    if "\\" in text or "{,}" in text:
        text = _FRACTION.sub(r"\1/\2", _MIXED.sub(" ", text.replace("{,}", ",").replace("\\!", "").replace("\\$", "$")))
        text = _COMMAND.sub(_command, text.replace("\\%", "%"))
    if not text.isascii():
        text = _OTHER_DIGIT.sub(lambda digit: str(unicodedata.decimal(digit[0])), half_width(text))
        text = _VULGAR.sub(lambda sign: " " + unicodedata.normalize("NFKC", sign[0]), _SPACE.sub(" ", text))
        text = _RAISED.sub(lambda power: "^" + unicodedata.normalize("NFKC", power[0]), text)
        text = text.replace("\u2212", "-").replace("\u2044", "/")
    return _PRICE.sub(r"\g<1>00", text)


def _command(command: re.Match[str]) -> str:
    return " " if command[1] else _TIMES.get(command[2], " ")
