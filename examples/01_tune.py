"""1. Tune a prompt on labeled rows, and see on rows it has not met what was gained."""

import embedgrad as eg
import tiny_model

TEXT = "What does the customer think?"
DATA = tiny_model.DATA

model = eg.load_model(tiny_model.chosen())
run = eg.tune(
    model,
    TEXT,
    DATA / "train.jsonl",
    validation=DATA / "validation.jsonl",  # chooses the best prompt; without it, 20 % of the tuning rows
    min_steps=60,
    evaluate_every=20,
)
print(f"{run.steps} steps in {run.seconds:.1f} s, best after step {run.best_step} ({run.stopped})")

before = eg.evaluate(model, TEXT, DATA / "test.jsonl")
after = eg.evaluate(model, run.prompt, DATA / "test.jsonl")
for name, found in (("text prompt ", before.score), ("tuned prompt", after.score)):
    print(f"{name}  {found.correct} of {found.total} right, loss {found.loss:.3f} nats per target token")
print(f"difference    {eg.compare(before, after)}")

run.prompt.save("customer.safetensors")
print("saved as customer.safetensors")
