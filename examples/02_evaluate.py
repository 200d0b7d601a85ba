"""2. Compare prompts side by side: written ones here, but prompt files work too.

Look for a better wording before you tune: a tuned prompt has to beat your best text, not your first.
"""

import embedgrad as eg
from embedgrad.pocket.tasks import load_task

WORDINGS = [
    "What is the review like?",
    "Is the review good or bad?",
    "Is the review positive or negative? Choose from: positive, negative.",
]

model = eg.load_model("pocket")
rows = load_task("sentiment").rows("test")
task = eg.Task("label", labels=("positive", "negative"), accepted={"positive": ["good"], "negative": ["bad"]})

# "both": the answer the model writes, and the label it finds likeliest.
found = [eg.evaluate(model, wording, rows, task, score_by="both") for wording in WORDINGS]
for evaluation in found:
    score = evaluation.score
    low, high = score.interval
    likeliest = score.by_likelihood.correct / score.by_likelihood.total
    print(
        f"{score.prompt[:34]:<34} strict {score.accuracy:.2f} (95 % {low:.2f} to {high:.2f}), likeliest {likeliest:.2f}"
    )

print(f"\nthird against first: {eg.compare(found[0], found[2])}")
print("\nSome answers to the first wording:")
for prediction in found[0].predictions[:4]:
    print(f"  {prediction.input!r}: {prediction.output!r}, wanted {prediction.target!r}")
