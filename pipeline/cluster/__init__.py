"""Run the stages of trials on the workers of a cluster: Dask's, of a batch system, or of hosts that SSH reaches.

The head is the machine with the repository and the flow. `settings` reads cluster.yaml, `start` starts the workers,
`workers` keeps them and `runner` sends stages to them; `node` is what a worker of Dask runs, and `agent` what that
starts in its clone of the repository. Nothing of this is imported where a flow has no cluster.
"""
