/* Pieces of the way from int32 sums to int8 outputs on Helium: scale, activation, zero point, limits. What is computed stands
 * beside enum ocrm55_activation. Internal. */
#ifndef OCRM55_TILE_EPILOGUE_H
#define OCRM55_TILE_EPILOGUE_H

#include "tile.h"

#if OCRM55_HELIUM

/* Marks a loop that is there once for each activation. */
#ifdef OCRM55_MARK_LOOPS
#define MARK_ACTIVATION(side, name, activation)         \
    do {                                                \
        if ((activation) == OCRM55_CLAMP) {             \
            MARK(MARK_##side(name "_clamp"));           \
        } else if ((activation) == OCRM55_HARD_SWISH) { \
            MARK(MARK_##side(name "_hard_swish"));      \
        } else if ((activation) == OCRM55_TABLE16) {    \
            MARK(MARK_##side(name "_table16"));         \
        }                                               \
    } while (0)
#else
#define MARK_ACTIVATION(side, name, activation) (void)0
#endif

/* lane * scale, with the scale in a core register: vmul has that form, but gcc fetches a float through s registers. */
static inline float32x4_t times(int32x4_t sums, uint32_t scale)
{
    float32x4_t product = vcvtq_f32_s32(sums);
    __asm("vmul.f32 %q0, %q0, %1" : "+w"(product) : "r"(scale));
    return product;
}

/* Every address moves on by 4, then takes its lane. (gcc 12 refuses its own vstrwq_scatter_base_wb on this core.) */
static inline void scatter_next(uint32x4_t *to, int32x4_t lanes)
{
    __asm volatile("vstrw.32 %q1, [%q0, #4]!" : "+w"(*to) : "w"(lanes) : "memory");
}

static inline float32x4_t hard_swish(float32x4_t v, float32x4_t zero, float32x4_t six, float gain)
{
    const float32x4_t gate = vminnmq_f32(vmaxnmq_f32(vaddq_n_f32(v, 3.0f), zero), six);
    return vmulq_n_f32(vmulq_f32(v, gate), gain);
}

/* The next 16 sums and 4 scales: v[channel] = (float)sums * scale. In one piece because gcc neither keeps a float in a core
 * register nor puts both pointers to post-increment here; the order keeps dependent instructions apart. 14 instructions. */
static inline void load_scaled(const int32_t **acc, const uint32_t **scale, float32x4_t v[4])
{
    float32x4_t v0, v1, v2, v3;
    uint32_t s0, s1, s2, s3;
    __asm("ldrd %[s0], %[s1], [%[scale]], #8\n"
          "vldrw.u32 %q[v0], [%[acc]], #16\n"
          "ldrd %[s2], %[s3], [%[scale]], #8\n"
          "vcvt.f32.s32 %q[v0], %q[v0]\n"
          "vldrw.u32 %q[v1], [%[acc]], #16\n"
          "vcvt.f32.s32 %q[v1], %q[v1]\n"
          "vldrw.u32 %q[v2], [%[acc]], #16\n"
          "vmul.f32 %q[v0], %q[v0], %[s0]\n"
          "vcvt.f32.s32 %q[v2], %q[v2]\n"
          "vldrw.u32 %q[v3], [%[acc]], #16\n"
          "vmul.f32 %q[v1], %q[v1], %[s1]\n"
          "vcvt.f32.s32 %q[v3], %q[v3]\n"
          "vmul.f32 %q[v2], %q[v2], %[s2]\n"
          "vmul.f32 %q[v3], %q[v3], %[s3]\n"
          : [v0] "=&w"(v0), [v1] "=&w"(v1), [v2] "=&w"(v2), [v3] "=&w"(v3), [s0] "=&r"(s0), [s1] "=&r"(s1),
            [s2] "=&r"(s2), [s3] "=&r"(s3), [acc] "+r"(*acc), [scale] "+r"(*scale)
          :
          : "memory");
    v[0] = v0, v[1] = v1, v[2] = v2, v[3] = v3;
}

/* 4 channels x 4 pixels: y = c0..c3 of pixel 0, of pixel 1, .. */
static inline int8x16_t quad(const struct ocrm55_epilogue *e, enum ocrm55_activation activation, const int32_t **acc,
                             const uint32_t **scale, const float **gain)
{
    float32x4_t v[4];
    load_scaled(acc, scale, v);
    if (activation == OCRM55_HARD_SWISH) {
        const float32x4_t zero = vdupq_n_f32(0.0f), six = vdupq_n_f32(6.0f);
        v[0] = hard_swish(v[0], zero, six, (*gain)[0]);
        v[1] = hard_swish(v[1], zero, six, (*gain)[1]);
        v[2] = hard_swish(v[2], zero, six, (*gain)[2]);
        v[3] = hard_swish(v[3], zero, six, (*gain)[3]);
        *gain += 4;
    }
    int16x8_t even = narrow32(vcvtnq_s32_f32(v[0]), vcvtnq_s32_f32(v[2])); /* c0 c2 of each pixel */
    int16x8_t odd = narrow32(vcvtnq_s32_f32(v[1]), vcvtnq_s32_f32(v[3]));  /* c1 c3 */
    if (activation == OCRM55_TABLE16) {
        const uint16x8_t shift = vreinterpretq_u16_s16(vdupq_n_s16((int16_t)-e->table_shift));
        const uint16x8_t index_even = vshlq_u16(vreinterpretq_u16_s16(even), vreinterpretq_s16_u16(shift));
        const uint16x8_t index_odd = vshlq_u16(vreinterpretq_u16_s16(odd), vreinterpretq_s16_u16(shift));
        even = vldrbq_gather_offset_s16(e->table, index_even);
        odd = vldrbq_gather_offset_s16(e->table, index_odd);
        return vmovntq_s16(vreinterpretq_s8_s16(even), odd);
    }
    even = vqaddq_n_s16(even, (int16_t)e->zero_point);
    odd = vqaddq_n_s16(odd, (int16_t)e->zero_point);
    const int8x16_t y = narrow16(even, odd);
    if (activation == OCRM55_TABLE8) {
        return vldrbq_gather_offset_s8(e->table, vreinterpretq_u8_s8(y));
    }
    return vminq_s8(vmaxq_s8(y, vdupq_n_s8(e->low)), vdupq_n_s8(e->high));
}

#endif
#endif
