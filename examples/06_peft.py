"""6. Export the prompt to PEFT and check that it gives the same answer there (needs `pip install peft`)."""

import copy
import tempfile
from pathlib import Path

import torch
from peft import PeftModel

import embedgrad as eg
from embedgrad.pocket.tasks import load_task

reviews = load_task("sentiment")
REVIEW = reviews.rows("test")[0].input

model = eg.load_model("pocket", device="cpu", dtype="float32")
run = eg.tune(model, "Did the customer like it?", reviews.path("train"), min_steps=60, epochs=2)
ours = eg.generate(model, run.prompt, [REVIEW], max_new_tokens=8)[0]

with tempfile.TemporaryDirectory() as temporary:
    folder = Path(temporary) / "reviews-peft"
    eg.save_peft(model, run.prompt, folder)
    print("\n".join((folder / "README.md").read_text().splitlines()[2:20]), "\n...\n")

    base, tokenizer = copy.deepcopy(model.lm), model.tokenizer  # for a model on the Hub: from_pretrained
    with_prompt = PeftModel.from_pretrained(base, folder)

# PEFT puts the prompt first; you add what follows it in the template, as that README says.
template = run.prompt.template.segments
place = next(i for i, segment in enumerate(template) if segment.kind == "slot" and segment.name == "prompt")
ids = []
for segment in template[place + 1 :]:
    ids += segment.ids if segment.kind == "fixed" else tokenizer(REVIEW, add_special_tokens=False)["input_ids"]
# Greedy decoding by PEFT's forward: its generate (0.21.2) silently gives other answers from transformers 5.24 on.
answer = torch.tensor([ids])
for _ in range(8):
    if answer[0, -1].item() in model.stop_ids and answer.shape[1] > len(ids):
        break
    answer = torch.cat([answer, with_prompt(input_ids=answer, use_cache=False).logits[:, -1:].argmax(-1)], dim=1)
print("embedgrad:", repr(ours.text))
print("PEFT:     ", repr(tokenizer.decode(answer[0][len(ids) :], skip_special_tokens=True)))
