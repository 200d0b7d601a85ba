"""5. Start from something other than the text's embeddings, and freeze tokens."""

import embedgrad as eg
from embedgrad.pocket.tasks import load_task

reviews = load_task("sentiment")
TEXT = "Did the customer like it?"

model = eg.load_model("pocket")
last = len(eg.start(model, TEXT)) - 1
starts = {
    "text": eg.start(model, TEXT),
    "text, first and last token frozen": eg.start(model, TEXT, frozen=[0, last]),
    "random, as long": eg.start(model, TEXT, kind="random", seed=1),
    "vocabulary, 4 tokens": eg.start(model, TEXT, kind="vocabulary", tokens=4, seed=1),
}
test = reviews.rows("test")[:200]
print(f"{'start':<34} tokens  loss before  after  right of {len(test)}  moved")
for name, prompt in starts.items():
    run = eg.tune(
        model,
        prompt,
        reviews.path("train"),
        validation=reviews.path("validation"),
        min_steps=60,
        epochs=2,
    )
    before, after = eg.evaluate(model, prompt, test).score, eg.evaluate(model, run.prompt, test).score
    drift = (run.prompt.embeddings - prompt.embeddings).norm(dim=1) / prompt.embeddings.norm(dim=1)
    print(
        f"{name:<34} {len(prompt):>6}  {before.loss:>11.3f}  {after.loss:>5.3f}  {after.correct:>11}  "
        f"{drift.min():.1f} to {drift.max():.1f} norms"
    )
