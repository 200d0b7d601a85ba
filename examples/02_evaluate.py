"""2. Measure prompts side by side: written ones here, a prompt file would do as well.

Look for a better wording before you tune: what a tuned prompt has to beat is your best text, not your first.
"""

import embedgrad as eg
import tiny_model

WORDINGS = ["What does the customer think?", "Is it good or bad?", "Is it praise or a complaint?"]

model = eg.load_model(tiny_model.chosen())
rows = eg.load_examples(tiny_model.DATA / "test.jsonl")
task = eg.Task("label", labels=("praise", "complaint"))

# "both": the answer that the model writes, and the label that it finds likeliest.
found = [eg.evaluate(model, wording, rows, task, score_by="both") for wording in WORDINGS]
for evaluation in found:
    score = evaluation.score
    low, high = score.interval
    likeliest = score.by_likelihood.correct / score.by_likelihood.total
    print(f"{score.prompt:<30} strict {score.accuracy:.2f} (95 % {low:.2f} to {high:.2f}), likeliest {likeliest:.2f}")

print(f"\nthird against first: {eg.compare(found[0], found[2])}")
print("\nSome answers to the first wording:")
for prediction in found[0].predictions[:4]:
    print(f"  {prediction.input!r}: {prediction.output!r}, wanted {prediction.target!r}")
