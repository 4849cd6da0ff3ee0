"""Run the stages of trials on the workers of a cluster: Dask's, of a batch system, or of hosts that SSH reaches.

The head is the machine with the repository and the flow. `settings` reads cluster.yaml, `start` starts the workers,
`workers` manages them and `runner` sends stages to them. A Dask worker runs `node`, which starts `agent` in a clone of
the repository. A flow without a cluster imports nothing of this package.
"""
