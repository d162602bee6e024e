/* Products of two tensors, one of them possibly a single row for all: see ocrm55_kernels.h. */

#include "helium.h"
#include "ocrm55_kernels.h"

#if OCRM55_HELIUM

/* 8 products, exact in int32, then scaled and rounded. */
static inline int16x8_t product8(int16x8_t a, int16x8_t b, float gain, int32_t zero)
{
    const float32x4_t bottom = vmulq_n_f32(vcvtq_f32_s32(vmullbq_int_s16(a, b)), gain);
    const float32x4_t top = vmulq_n_f32(vcvtq_f32_s32(vmulltq_int_s16(a, b)), gain);
    return round8(bottom, top, zero);
}

/* 16 columns of all rows: one row's b serves them all. */
static void columns(const struct ocrm55_multiply *layer, const int8_t *a, const int8_t *b, int8_t *y, mve_pred16_t some)
{
    const struct ocrm55_multiply l = *layer;
    const int8x16_t q = vldrbq_z_s8(b, some);
    const int16x8_t b_even = even_bytes(q, l.zero_b), b_odd = odd_bytes(q, l.zero_b);
    for (int32_t row = l.rows; row > 0; row--) {
        MARK(MARK_BEGIN("multiply"));
        const int8x16_t p = vldrbq_z_s8(a, some);
        const int16x8_t even = product8(even_bytes(p, l.zero_a), b_even, l.gain, l.zero_y);
        const int16x8_t odd = product8(odd_bytes(p, l.zero_a), b_odd, l.gain, l.zero_y);
        vstrbq_p_s8(y, narrow16(even, odd), some);
        a += l.count;
        y += l.count;
        MARK(MARK_END("multiply"));
    }
}

#endif

void ocrm55_multiply_s8(const struct ocrm55_multiply *layer, const int8_t *a, const int8_t *b, int8_t *y)
{
    struct ocrm55_multiply l = *layer;
    if (l.b_rows) { /* no broadcast: one long row */
        l.count *= l.rows;
        l.rows = 1;
    }
#if OCRM55_HELIUM
    for (int32_t i = 0; i < l.count; i += 16) {
        columns(&l, a + i, b + i, y + i, vctp8q((uint32_t)(l.count - i)));
    }
#else
    for (int32_t row = 0; row < l.rows; row++, a += l.count, y += l.count) {
        for (int32_t i = 0; i < l.count; i++) {
            y[i] = ocrm55_quantized((float)((a[i] - l.zero_a) * (b[i] - l.zero_b)) * l.gain, l.zero_y);
        }
    }
#endif
}

enum ocrm55_status ocrm55_multiply_s8_check(const struct ocrm55_multiply *l, const int8_t *a, const int8_t *b,
                                            const int8_t *y)
{
    if (!l || !a || !b || !y) {
        return OCRM55_NULL;
    }
    if (l->rows < 1 || l->count < 1 || l->b_rows < 0 || l->b_rows > 1) {
        return OCRM55_SHAPE;
    }
    const int32_t zeros[] = {l->zero_a, l->zero_b, l->zero_y};
    for (int i = 0; i < 3; i++) {
        if (zeros[i] < -128 || zeros[i] > 127) {
            return OCRM55_RANGE;
        }
    }
    return OCRM55_OK;
}
