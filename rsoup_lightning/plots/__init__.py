"""Pictures and tables of a front; :mod:`rsoup_lightning.report` puts them together."""
