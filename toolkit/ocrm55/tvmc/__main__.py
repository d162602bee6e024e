"""`python -m ocrm55.tvmc compile ...`, where `python -m tvm.driver.tvmc compile ...` stood before."""

from ocrm55.start import tvmc

if __name__ == "__main__":
    tvmc()
