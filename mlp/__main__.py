"""``python -m mlp COMMAND`` is the console command ``mlp COMMAND``."""

import sys

from .commands import main

if __name__ == "__main__":
    sys.exit(main())
