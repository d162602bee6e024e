/* Arm's driver is of two files; this stand-in needs one. */
typedef int nothing;
