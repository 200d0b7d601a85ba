"""1. Tune a prompt on labeled rows and measure the gain on held-out rows.

The model and the rows ship with embedgrad (docs/pocket.md); a name on the Hub and your own files work the same way.
"""

import embedgrad as eg
from embedgrad.pocket.tasks import load_task

reviews = load_task("sentiment")  # labels: positive, negative
TEXT = "Did the customer like it?"

model = eg.load_model("pocket")
run = eg.tune(
    model,
    TEXT,
    reviews.path("train"),
    validation=reviews.path("validation"),  # chooses the best step; default: 20 % of the tuning rows
    epochs=3,
    min_steps=90,
)
print(f"{run.steps} steps in {run.seconds:.1f} s, best after step {run.best_step} ({run.stopped})")

before = eg.evaluate(model, TEXT, reviews.path("test"))
after = eg.evaluate(model, run.prompt, reviews.path("test"))
for name, found in (("text prompt ", before.score), ("tuned prompt", after.score)):
    print(f"{name}  {found.correct} of {found.total} right, loss {found.loss:.3f} nats per target token")
print(f"difference    {eg.compare(before, after)}")

run.prompt.save("reviews.safetensors")
print("saved as reviews.safetensors")
