"""The files of a run folder.

settings.toml         resolved; alone re-runs the run
train.jsonl           rows that came through stdin or from Python
validation.jsonl      likewise
test.jsonl            likewise
start.safetensors     a start that came from Python
metrics.jsonl         a line per step and per validation
checkpoint/           all that resumes
prompt.safetensors    the best prompt by validation
predictions.jsonl     every test row, before and after
result.json           what was gained
split.json            which rows are in which part, with digests
report.html           the same for people
calibration.json      what `learning_rate="auto"` tried
restarts.json         the runs that `restarts` began, and which went on
trajectory/           the prompt at every validation, for the analyses
analysis/             what `embedgrad analyze` found, a file each

.lock                 while a process is at work in the folder: which one

seeds.json            in a folder of several seeds, beside their run folders: what they have in the mean
learning_curve.json   in a learning curve's folder, beside its run folders: what is reached with how many rows
learning_curve.svg    the same as a picture
sweep.json            in a sweep's folder: its grid
heat_map.svg          the same as a picture
demo.json             in a demo's folder, beside its run folders: its tables
"""

from __future__ import annotations

from pathlib import Path

SETTINGS, METRICS, PROMPT_FILE = "settings.toml", "metrics.jsonl", "prompt.safetensors"
ROWS, VALIDATION_ROWS, TEST_ROWS = "train.jsonl", "validation.jsonl", "test.jsonl"
START = "start.safetensors"
PREDICTIONS, RESULT, REPORT = "predictions.jsonl", "result.json", "report.html"
SPLIT, SWEEP, CALIBRATION = "split.json", "sweep.json", "calibration.json"
RESTARTS, SEEDS = "restarts.json", "seeds.json"
LEARNING_CURVE, CURVE_PICTURE = "learning_curve.json", "learning_curve.svg"
PICTURE = "heat_map.svg"
DEMO = "demo.json"
ANALYSIS, TRAJECTORY = Path("analysis"), Path("trajectory")
CHECKPOINT = Path("checkpoint") / "state.safetensors"
LOCK = ".lock"
