"""Starts `ocrm55 live`, takes its page from the address that it prints, and ends it as Ctrl-C does."""

import re
import signal
import subprocess
import sys
import urllib.request

PATIENCE_S = 900  # it builds its programs first


def main() -> int:
    with subprocess.Popen(
        ["ocrm55", "live", "--port", "0"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as server:
        signal.signal(signal.SIGALRM, lambda *_: server.kill())
        signal.alarm(PATIENCE_S)
        assert server.stdout is not None
        for line in server.stdout:
            print(line, end="")
            if address := re.search(r"http://\S+", line):
                try:
                    with urllib.request.urlopen(address[0], timeout=30) as page:
                        shown = "<title>ocrm55 live</title>" in page.read().decode()
                finally:
                    server.send_signal(signal.SIGINT)
                return 0 if shown and server.wait(30) in (0, 130) else 1
    return 1  # it ended before it had an address


if __name__ == "__main__":
    sys.exit(main())
