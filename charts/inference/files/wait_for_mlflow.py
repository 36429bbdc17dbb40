"""Ends when the address in the first argument answers; gives up after ten minutes, and is then
started again.
"""

import sys
import time
import urllib.request

end = time.monotonic() + 600
while True:
    try:
        urllib.request.urlopen(sys.argv[1], timeout=5).close()
        break
    except OSError as error:
        if time.monotonic() > end:
            sys.exit(f"{sys.argv[1]} does not answer: {error}")
    time.sleep(1)
