"""The worker process that compares mathematical answers, as seen from the process that uses it."""

from __future__ import annotations

from embedgrad.tasks.worker import ANSWER_SECONDS
from embedgrad.tasks.worker_process import WorkerProcess, shared


class MathProcess(WorkerProcess):
    """`python -m embedgrad.tasks.math_worker`."""

    def __init__(self, seconds: float = ANSWER_SECONDS) -> None:
        super().__init__("embedgrad.tasks.math_worker", "compares mathematical answers", seconds)

    def are_equal(self, answer: str, target: str) -> bool | None:
        """Whether math-verify finds the two equal; None where that takes too long or ends the process. Raises
        EmbedgradError where the process does not start."""
        reply = self.ask({"answer": answer, "target": target})
        return None if reply is None else reply["outcome"] == "equal"


MATH = MathProcess()
"""The one that all tasks share."""
shared(MATH)
