"""3. Use a prompt: its file replaces the text wherever a prompt is asked for."""

import tempfile
from pathlib import Path

import embedgrad as eg
import tiny_model

TEXT = "What does the customer think?"
MESSAGES = ["Thank you, the lamp is lovely.", "The lamp came broken and late.", "Great service, I love it."]

model = eg.load_model(tiny_model.chosen())
run = eg.tune(model, TEXT, tiny_model.DATA / "train.jsonl", min_steps=60, evaluate_every=20)

with tempfile.TemporaryDirectory() as folder:
    file = Path(folder) / "customer.safetensors"
    run.prompt.save(file)
    print(f"{file.name}: {file.stat().st_size:,} bytes for {len(run.prompt)} tokens of width {run.prompt.width}\n")
    for prompt in (TEXT, file):
        print(f"under {prompt if prompt is TEXT else file.name!r}")
        # Greedy: the same input gives the same answer, alone or among others.
        for message, answer in zip(MESSAGES, eg.generate(model, prompt, MESSAGES, max_new_tokens=8), strict=True):
            print(f"  {message:<32} {answer.text!r}{' (cut at the limit)' if answer.truncated else ''}")
