"""Starts the server: ``python3 -I -S server_main.py``. See runtimes/contract.md for its environment."""

import os
import sys

_HERE = os.path.dirname(os.path.abspath(__file__))
# Last, so that user code and its dependencies are never shadowed by the server.
sys.path += [os.path.join(_HERE, "sdk"), _HERE]

if __name__ == "__main__":
    if sys.version_info < (3, 10):
        sys.exit("the server needs Python 3.10 or newer")
    from hanzo_runtime.app import main

    main()
