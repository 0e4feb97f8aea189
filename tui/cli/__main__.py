"""`python -m tui.cli` is `spaces`."""

import sys

from tui.cli import main

sys.exit(main())
