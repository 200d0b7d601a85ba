"""3. Use a tuned prompt: its file replaces the text wherever a prompt is expected."""

import tempfile
from pathlib import Path

import embedgrad as eg
from embedgrad.pocket.tasks import load_task

reviews = load_task("sentiment")
TEXT = "Did the customer like it?"
REVIEWS = [row.input for row in reviews.rows("test")[:3]]

model = eg.load_model("pocket")
run = eg.tune(model, TEXT, reviews.path("train"), validation=reviews.path("validation"), epochs=3, min_steps=60)

with tempfile.TemporaryDirectory() as folder:
    file = Path(folder) / "reviews.safetensors"
    run.prompt.save(file)
    print(f"{file.name}: {file.stat().st_size:,} bytes for {len(run.prompt)} tokens of width {run.prompt.width}\n")
    for prompt in (TEXT, file):
        print(f"under {'the text' if prompt is TEXT else file.name}")
        # Greedy: an input gets the same answer alone or in a batch.
        for review, answer in zip(REVIEWS, eg.generate(model, prompt, REVIEWS, max_new_tokens=8), strict=True):
            print(f"  {review:.70} -> {answer.text!r}{' (cut at the limit)' if answer.truncated else ''}")
