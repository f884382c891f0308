"""Care of the workspace and the cache: status, gc, hooks, storage, doctor."""
