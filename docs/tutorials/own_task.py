"""
Your own task from zero
=======================

At the end you have a task of your own: something that changes day by day, a policy that acts in it, two rewards, and a
front between them, from two files of which you have written every line.

Our task is a garden. Each bed of soil dries out as the weather will, and the policy waters it once a day. One reward
wants the plants green, the other one wants to save water. How much is a green plant worth in water? That need not be
known before the training.

The files are :download:`garden.py </tutorials/garden.py>`, about a hundred lines, and
:download:`garden.yaml </tutorials/garden.yaml>`. Put them into one folder and work there.

1. The policy
-------------

A policy is a ``torch`` module that can say how likely it was to do what it did. Ours looks at how wet a bed is, and
draws the water from a normal distribution whose mean is a straight line:

.. literalinclude:: /tutorials/garden.py
   :pyobject: Gardener

``forward`` is all that the library asks for. It takes a :py:class:`Rollout <rsoup_lightning.rollout.Rollout>`, which
holds what was seen and done, and gives the log-probability of every step.

2. The environment
------------------

An environment plays the policy, and writes down what happened. It has two ways to do so: ``rollout`` for training, and
``evaluate`` for scores that are compared.

.. literalinclude:: /tutorials/garden.py
   :pyobject: Beds

Four things in there are rules of the library:

- A rollout is a table of B rows (here beds) and T steps (days). ``steps`` has whatever your policy and your rewards
  need, under names of your own.
- ``completions`` are tries at one prompt, and stand next to each other. Algorithms such as RLOO compare them, so they
  must meet the same weather.
- The chances of an evaluation depend on nothing but the number of the bed. So every mixture meets the same weather
  and the same noise, and differences between their scores are not luck.
- Nothing here needs gradients. Those come from ``forward``, later.

``player`` is there for whoever plays the finished soup, and we come back to it.

3. The rewards
--------------

A reward looks at a rollout and gives a number for each step, or one for each row:

.. literalinclude:: /tutorials/garden.py
   :pyobject: Green

.. literalinclude:: /tutorials/garden.py
   :pyobject: Thrifty

4. The fine-tuner
-----------------

This puts the three together. The training loop is that of the base class, a Lightning module:

.. literalinclude:: /tutorials/garden.py
   :pyobject: GardenFineTuner

5. The recipe
-------------

.. literalinclude:: /tutorials/garden.yaml
   :language: yaml

``task`` says which class is meant. The keys under ``model`` are the arguments of its base class: an algorithm and an
optimiser; ``rsoup fit --task garden:GardenFineTuner --help`` explains all of them. ``init_epochs`` trains the common
start on both rewards at once. ``normalise`` measures there how far each reward varies, and puts both on one scale.
``grid`` asks for seven mixtures.

6. Run it
---------
"""

from rsoup_lightning import soup

front = soup("garden.yaml", "runs/garden")  # or: rsoup soup -c garden.yaml --run_dir runs/garden

# %%
# What came out, one dot for each mixture, and what a mixture of *scores* would be as a line:

import matplotlib.pyplot as plt

scores = [point["scores"] for point in front.points if point["kind"] != "init"]
green, thrifty = [each["green"] for each in scores], [each["thrifty"] for each in scores]
plt.plot(green, thrifty, "o-", label="soups")
plt.plot([green[0], green[-1]], [thrifty[0], thrifty[-1]], "--", label="straight line between the experts")
plt.xlabel("green")
plt.ylabel("thrifty")
plt.legend()
plt.show()

# %%
# The soups lie above the line. The hypervolume says so in one number: the line has 0.5, the best that could be has 1.

print(f"hypervolume {front.hypervolume():.2f}")

# %%
# 7. Play it
# ----------
#
# ``front.at(...)`` gives what our ``player`` returned, with the rows that it has to play. It needs one method, and what
# that is called and takes is up to you:
#
# .. literalinclude:: /tutorials/garden.py
#    :pyobject: Watering
#
# So we can ask every mixture what it would do with a dry bed, and with a wet one:

import torch

wetness = torch.linspace(0, 1, 50)
for share in (0.0, 0.25, 0.5, 0.75, 1.0):
    water = front.at(green=share, thrifty=1 - share).water(wetness)
    plt.plot(wetness, water, label=f"λ of green {share}")
plt.xlabel("how wet the bed is")
plt.ylabel("water")
plt.legend()
plt.show()

# %%
# And if green plants matter to us three times as much as water does:

print(front.pick({"green": 0.75, "thrifty": 0.25}).reason)

# %%
# Where to go next
# ----------------
#
# - :doc:`A benchmark of two methods <two_methods>` asks whether this front could have been had in another way.
# - :doc:`Bring your own task </howto/own_task>` registers a task under a name, so that ``rsoup tasks`` lists it and a
#   package can carry it.
# - :doc:`Bring your own environment </howto/own_environment>`, where it is one of Gymnasium's: then all you write is
#   the environment.
# - A reward that is maximised alone is often hacked: :doc:`guards </howto/guards>` hold others above a limit.
