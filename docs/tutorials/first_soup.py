"""
First soup in ten minutes
=========================

At the end you have a cheetah that runs as you like it: fast, with little effort, or anything between, without having
trained for what is between.

A *soup* is made of *experts*. One policy is trained once per reward, always from the same start, and what you play in
the end is a weighted average of the experts' **weights**. Install the package first: ``make install`` in a checkout
makes an environment, or ``pip install .`` puts it into yours.

1. Run it
---------

A *recipe* says what is trained, and how. ``rsoup tasks`` lists all that come with the package;
``locomotion/quickstart`` has two rewards for the cheetah of MuJoCo:

- ``risky`` is its speed;
- ``cautious`` is its speed less the square of its efforts.

The recipe takes three and a half minutes. To see all of it sooner, we override some of its keys: shorter trainings, and
five mixtures instead of eleven.
"""

from rsoup_lightning import soup

small = {
    "soup.init_epochs": 8,  # of the common start
    "trainer.max_epochs": 2,  # of each expert
    "model.rollouts_per_epoch": 8,
    "model.eval_episodes": 4,  # by which each mixture is scored
    "soup.grid": 5,  # mixtures, both experts included
    "soup.morl": [],  # no baselines to compare with
    "soup.films": False,
}
front = soup("locomotion/quickstart", "runs/first", overrides=small)

# %%
# On a command line it is the same words::
#
#    rsoup soup -c locomotion/quickstart --run_dir runs/first --soup.init_epochs 8 --trainer.max_epochs 2 ...
#
# The lines above tell what happened: the cheetah first learned to run at all (*init*), then one expert began there for
# each reward, and a *sweep* played five mixtures of the two. What it tells of a training are mean rewards per step; the
# scores below are sums over an episode. If you stop it, give the same command again: it goes on where it was.
#
# 2. Look at the front
# --------------------
#
# Every mixture has coefficients λ, which sum to one, and a score for each reward:

for point in front.points:
    if point["kind"] != "init":
        share, scores = point["coefficients"]["risky"], point["scores"]
        print(f"λ of risky {share:.2f}: risky {scores['risky']:7.1f}, cautious {scores['cautious']:7.1f}")

# %%
# Drawn, these are a *front*. The run folder has the picture:

import matplotlib.pyplot as plt

plt.figure(figsize=(8, 6))
plt.imshow(plt.imread(front.run / "front.png"))
plt.axis("off")
plt.tight_layout()

# %%
# Up and right is better. One number sums it up, the *hypervolume*: 0.5 is the straight line between the two experts,
# and 1 a policy that equals each expert on its own reward. After so few seconds of training it may be anything; that
# of the whole recipe is in :doc:`the results </results>`.

print(f"hypervolume {front.hypervolume():.2f}")

# %%
# ``runs/first/report.html`` is a page to click through. It opens offline.
#
# 3. Play a mixture
# -----------------
#
# Say how you want it to run. If you know λ, give it; if you rather know how much each reward matters to you, a
# *preference*, give that, and λ is looked up on the front:

print(front.pick({"risky": 0.7, "cautious": 0.3}).reason)

# %%
# The experts are in memory once, and every λ plays from there. Here three of them run for five seconds each, from the
# same place:

for share in (0.0, 0.5, 1.0):
    policy = front.at(risky=share, cautious=1 - share)
    simulator = policy.simulator()
    observation, _ = simulator.reset(seed=0)
    distance, track = 0.0, []
    for _ in range(100):  # steps of 50 ms
        observation, _, _, _, info = simulator.step(policy.act(observation))
        distance += 0.05 * info["x_velocity"]
        track.append(distance)
    plt.plot([0.05 * step for step in range(100)], track, label=f"λ of risky {share}")
plt.xlabel("seconds")
plt.ylabel("metres")
plt.legend()
plt.show()

# %%
# 4. Keep one
# -----------
#
# ``pick`` writes the policy for a preference into a folder of its own, which ``load`` reads:

from rsoup_lightning import load, pick

pick("runs/first", "runs/mine", preference={"risky": 0.7, "cautious": 0.3})
print(load("runs/mine").at().act(observation))

# %%
# What it wrote is one ordinary network: no experts are left in it.
#
# Where to go next
# ----------------
#
# - ``rsoup explore runs/first`` is :doc:`a live page </howto/explore>`: move λ, and the cheetah runs so now.
# - ``rsoup soup -c locomotion/quickstart`` runs the whole recipe.
# - :doc:`Your own task from zero <own_task>` has the same for a task that nobody has written yet.
# - :doc:`Why soups work </explanation/soups>`, and :doc:`what the hypervolume says </explanation/hypervolume>`.
