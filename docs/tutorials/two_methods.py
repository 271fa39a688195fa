"""
A benchmark of two methods
==========================

At the end you have a table and a page that compare a soup with its rival, on a task of yours, at equal cost and with
what chance may do.

The rival is *MORL*: one training per preference, on the weighted sum of the rewards. It is what one would do without
soups. We compare both on the garden of :doc:`the last tutorial but one <own_task>`; its two files lie beside this
one.

1. Write a suite
----------------

A suite says what is compared. Ours is :download:`garden_suite.yaml </tutorials/garden_suite.yaml>`:

.. literalinclude:: /tutorials/garden_suite.yaml
   :language: yaml

- Under every seed, all methods begin at the same start.
- Each method may train for as many epochs as the experts of the soup have together. So MORL shares them out among its
  three preferences. ``cost: 2`` would give a method twice as much.
- ``box`` says which scores count as 0 and as 1. The hypervolume of a front is the share of that box which it leaves
  below itself. Write it down before you look at results: a box that is chosen by them compares nothing.

2. Run it
---------
"""

from rsoup_lightning import bench

result = bench("garden_suite.yaml", "runs/garden_suite")  # or: rsoup bench garden_suite.yaml

# %%
# Two methods under three seeds are six runs, each in a folder that all other commands read. A suite that was stopped
# goes on where it was by the same command.
#
# 3. Read the table
# -----------------
#
# The command prints it, and so does this:

from rich.console import Console

from rsoup_lightning.comparing.tables import tables

for table in tables(result):
    Console(width=120).print(table.rich())

# %%
# Read it from the left:
#
# - the hypervolume, a mean over seeds, with its 95 % interval. Three seeds tell little: the interval is wide;
# - the difference to the reference method, seed by seed, which is what to look at: both methods had the same start
#   under each seed, and what they share drops out;
# - what it cost: days in the garden, seconds, memory.
#
# Where an interval of differences holds 0, this suite has not told which method is better. More seeds would.
#
# 4. Look at the page
# -------------------
#
# ``runs/garden_suite/bench.html`` has the same as pictures to hover over, and opens offline. They are drawn from
# ``result``, which ``bench.json`` keeps, and so can yours be. Here is every policy that each method offers:

import matplotlib.pyplot as plt

for method, marker in (("soup", "o"), ("morl", "s")):
    points = [point for cell in result.of_task("garden")[method] for point in cell.points]
    plt.plot([point["green"] for point in points], [point["thrifty"] for point in points], marker, label=method)
plt.xlabel("green")
plt.ylabel("thrifty")
plt.legend()
plt.show()

# %%
# MORL has three policies under each seed, and a preference between them is served by the nearest. The soup has seven
# here, and could have any number: a new λ costs no training. That is what the picture shows, and what the hypervolume
# counts.
#
# Where to go next
# ----------------
#
# - :doc:`Compare methods at equal cost </howto/bench>` has all that a suite can say.
# - :doc:`Choose a method </howto/methods>` lists the methods, among them some between these two.
# - :doc:`The results </results>` have such a table of nine methods, where the soup does not always win.
