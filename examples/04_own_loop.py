"""4. Write your own loop: `eg.forward` gives loss and gradient, any torch optimizer does the rest."""

import random
from dataclasses import replace

import torch

import embedgrad as eg
from embedgrad.pocket.tasks import load_task

reviews = load_task("sentiment")
model = eg.load_model("pocket")
prompt = eg.start(model, "Did the customer like it?")  # placed, not tuned
train, test = reviews.rows("train"), reviews.rows("test")

vectors = prompt.embeddings.clone().requires_grad_()  # [P, D] float32
optimizer = torch.optim.SGD([vectors], lr=20 * model.table_rms, momentum=0.9)
chance = random.Random(0)
for step in range(61):
    found = eg.forward(model, prompt, chance.sample(train, 16), embeddings=vectors.detach())
    if step % 20 == 0:
        print(f"step {step:>2}: loss {found.loss:.3f} nats per target token, |gradient| {found.gradient.norm():.3f}")
    vectors.grad = found.gradient.to(vectors.device)
    optimizer.step()

mine = replace(prompt, embeddings=vectors.detach())  # the file keeps its text, template and base model
print("text prompt ", eg.evaluate(model, prompt, test).score.accuracy)
print("own loop    ", eg.evaluate(model, mine, test).score.accuracy)
