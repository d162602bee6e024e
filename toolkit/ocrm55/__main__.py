"""`python -m ocrm55`: the program `ocrm55`."""

from ocrm55.start import ocrm55

if __name__ == "__main__":
    ocrm55()
