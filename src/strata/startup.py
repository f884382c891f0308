"""What each start of this environment's Python does first, installed beside ``startup.pth``.

- ``src`` of the *current* folder comes first on the import path, so that a stage which DVC
  runs in a temporary copy, a worktree or a clone runs that copy's code, not the code of the
  checkout the environment was made for.
- This environment's programs come first on PATH, so that ``.venv/bin/dvc repro`` runs the
  stages with this Python whether or not the environment is activated.
- DVC keeps its site cache, which it unpickles, in the user's own cache folder. Its default is a
  folder that every user of the machine may write to (CVE-2025-69872).
"""

import os
import sys

sys.path.insert(0, "src")
_programs = os.path.dirname(sys.executable)
if os.environ.get("PATH", "").split(os.pathsep)[0] != _programs:
    os.environ["PATH"] = os.pathsep.join([_programs, os.environ.get("PATH", "")])
_cache = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA") or "~/.cache"
os.environ.setdefault("DVC_SITE_CACHE_DIR", os.path.join(os.path.expanduser(_cache), "dvc-site"))
