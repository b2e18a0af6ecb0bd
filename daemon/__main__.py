"""`python -m daemon run …` is `recuo run …`."""

import sys

from recuo.entry import main

sys.exit(main())
