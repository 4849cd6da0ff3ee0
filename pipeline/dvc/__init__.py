"""All that knows DVC: the graph of stages, which of them are stale, and bringing one up to date.

`repo` has the typed functions, which run in a child process of `worker`, where DVC is imported already. `patches` holds
the few changes to DVC itself.
"""
