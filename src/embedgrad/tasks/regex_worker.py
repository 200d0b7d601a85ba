"""The process in which a user's pattern is looked for: `python -m embedgrad.tasks.regex_worker [SECONDS]`.

It serves as `worker` says: a request is `{"pattern", "text"}`, its outcome "found", with what was `captured`, or
"nothing".
"""

from __future__ import annotations

import re
import sys

from embedgrad.tasks.worker import ANSWER_SECONDS, Message, serve


def last_capture(request: Message) -> Message:
    """Group 1 of the last match, all of it in a pattern without groups. May take time exponential in the text."""
    last = None
    for match in re.finditer(request["pattern"], request["text"]):
        last = match
    captured = None if last is None else last[1] if last.re.groups else last[0]
    return {"outcome": "nothing"} if captured is None else {"outcome": "found", "captured": captured}


if __name__ == "__main__":
    serve(last_capture, float(sys.argv[1]) if len(sys.argv) > 1 else ANSWER_SECONDS)
