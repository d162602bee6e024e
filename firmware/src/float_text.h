/* A float32 in decimal, six digits after the point, exactly rounded, like Python's f"{x:.6f}". */
#ifndef OCRM55_FLOAT_TEXT_H
#define OCRM55_FLOAT_TEXT_H

/* Sign, 39 digits, point, 6 digits, NUL. */
#define FLOAT_TEXT_BYTES 48

/* Write `value` to `text`, NUL-terminated. Rounds to nearest, ties to even, on the exact binary value. */
void float_text(float value, char text[FLOAT_TEXT_BYTES]);

#endif
