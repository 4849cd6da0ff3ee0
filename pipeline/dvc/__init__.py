"""Drive DVC: read the graph of stages, find the stale ones, and reproduce stages.

`repo` has typed functions, which run in a child process of `worker` that has imported DVC already. `patches` has the
few patches of DVC itself. No other package imports DVC.
"""
