"""Peers of other libraries (extra bench): their own code trains them, on our environments and rewards."""

from rsoup_lightning.comparing.peers.morl_baselines import CAPQL, GPILS, MORLD
from rsoup_lightning.comparing.peers.pgmorl import PGMORL

__all__ = ["CAPQL", "GPILS", "MORLD", "PGMORL"]
