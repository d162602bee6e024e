"""`python -m ocrm55.tvmc compile ...` replaces `python -m tvm.driver.tvmc compile ...`."""

from ocrm55.start import tvmc

if __name__ == "__main__":
    tvmc()
