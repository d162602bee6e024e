/* Pieces of the way from int32 sums to int8 outputs on Helium: scale, activation, zero point, limits. What is computed stands
 * beside enum ocrm55_activation. Internal. */
#ifndef OCRM55_TILE_EPILOGUE_H
#define OCRM55_TILE_EPILOGUE_H

#include "tile.h"

#if OCRM55_HELIUM

/* Marks a loop that is there once for each activation. */
#ifdef OCRM55_MARK_LOOPS
#define MARK_ACTIVATION(side, name, activation, special)              \
    do {                                                              \
        if ((activation) == OCRM55_CLAMP && !(special)) {             \
            MARK(MARK_##side(name "_clamp"));                         \
        } else if ((activation) == OCRM55_HARD_SWISH && !(special)) { \
            MARK(MARK_##side(name "_hard_swish"));                    \
        } else if ((activation) == OCRM55_TABLE16 && !(special)) {    \
            MARK(MARK_##side(name "_table16"));                       \
        }                                                             \
    } while (0)
#else
#define MARK_ACTIVATION(side, name, activation, special) (void)0
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

/* Where the next 4 channels of a tile are. */
struct quad_cursor {
    const int32_t *acc;
    const uint32_t *scale;
    const uint32_t *gain; /* of hard-swish */
    const int8_t *table;  /* of tables */
};

static inline struct quad_cursor quad_start(const struct ocrm55_epilogue *e, int32_t channel, const int32_t *acc)
{
    struct quad_cursor at = {acc, (const uint32_t *)(const void *)e->scale + channel, NULL, e->table};
    if (e->activation == OCRM55_HARD_SWISH) {
        at.gain = (const uint32_t *)(const void *)e->gain + channel;
    }
    if (e->activation == OCRM55_TABLE16) {
        at.table += channel * e->table_stride;
    }
    return at;
}

/* Hard-swish of the next 16 sums, with the zero point, narrowed: y as quad has it, before limits. In one piece for the same
 * reasons as load_scaled, and because eight registers are just enough.
 *
 * The gate is limited as an integer: a float that is not negative orders as its bits do, and every negative one is below
 * zero in both. So the integer pipe does it, beside the products. The order is one that ocrm55's model of the pipeline
 * likes: 64 cycles of 48 instructions, which is what the multiply pipe needs alone (docs/cycles.md). */
static inline int8x16_t quad_hard_swish(struct quad_cursor *at, int32_t zero_point)
{
    const float32x4_t zero = vdupq_n_f32(0.0f), six = vdupq_n_f32(6.0f);
    float32x4_t a, b, c, d, f;
    uint32_t s0, s1, s2, s3, g0, g2;
    __asm("ldrd %[s0], %[s1], [%[scale]], #8\n"
          "vldrw.u32 %q[a], [%[acc], #16]\n"
          "vcvt.f32.s32 %q[a], %q[a]\n"
          "vldrw.u32 %q[b], [%[acc], #48]\n"
          "vmul.f32 %q[a], %q[a], %[s1]\n"
          "ldrd %[g0], %[s1], [%[gain]], #8\n" /* s1 and s3 are done with: the gains of their channels take their place */
          "vadd.f32 %q[d], %q[a], %[three]\n"
          "ldrd %[s2], %[s3], [%[scale]], #8\n"
          "vcvt.f32.s32 %q[b], %q[b]\n"
          "vmax.s32 %q[d], %q[d], %q[zero]\n"
          "vmul.f32 %q[b], %q[b], %[s3]\n"
          "vmin.s32 %q[d], %q[d], %q[six]\n"
          "vadd.f32 %q[c], %q[b], %[three]\n"
          "vmul.f32 %q[a], %q[a], %q[d]\n"
          "vldrw.u32 %q[d], [%[acc], #32]\n"
          "vmul.f32 %q[a], %q[a], %[s1]\n"
          "vmax.s32 %q[c], %q[c], %q[zero]\n"
          "vcvt.f32.s32 %q[d], %q[d]\n"
          "vmin.s32 %q[c], %q[c], %q[six]\n"
          "vmul.f32 %q[b], %q[b], %q[c]\n"
          "ldrd %[g2], %[s3], [%[gain]], #8\n"
          "vmul.f32 %q[d], %q[d], %[s2]\n"
          "vadd.f32 %q[f], %q[d], %[three]\n"
          "vldrw.u32 %q[c], [%[acc]], #64\n"
          "vcvtn.s32.f32 %q[a], %q[a]\n"
          "vmax.s32 %q[f], %q[f], %q[zero]\n"
          "vmul.f32 %q[b], %q[b], %[s3]\n"
          "vqmovnb.s32 %q[a], %q[a]\n"
          "vcvtn.s32.f32 %q[b], %q[b]\n"
          "vcvt.f32.s32 %q[c], %q[c]\n"
          "vmin.s32 %q[f], %q[f], %q[six]\n"
          "vmul.f32 %q[c], %q[c], %[s0]\n"
          "vqmovnt.s32 %q[a], %q[b]\n"
          "vadd.f32 %q[b], %q[c], %[three]\n"
          "vmax.s32 %q[b], %q[b], %q[zero]\n"
          "vmul.f32 %q[d], %q[d], %q[f]\n"
          "vmin.s32 %q[b], %q[b], %q[six]\n"
          "vmul.f32 %q[c], %q[c], %q[b]\n"
          "vmul.f32 %q[c], %q[c], %[g0]\n"
          "vqadd.s16 %q[a], %q[a], %[to]\n"
          "vcvtn.s32.f32 %q[c], %q[c]\n"
          "vmul.f32 %q[d], %q[d], %[g2]\n"
          "vqmovnb.s32 %q[c], %q[c]\n"
          "vcvtn.s32.f32 %q[d], %q[d]\n"
          "vqmovnt.s32 %q[c], %q[d]\n"
          "vqadd.s16 %q[c], %q[c], %[to]\n"
          "vqmovnb.s16 %q[c], %q[c]\n"
          "vqmovnt.s16 %q[c], %q[a]\n"
          : [a] "=&w"(a), [b] "=&w"(b), [c] "=&w"(c), [d] "=&w"(d), [f] "=&w"(f), [s0] "=&r"(s0), [s1] "=&r"(s1),
            [s2] "=&r"(s2), [s3] "=&r"(s3), [g0] "=&r"(g0), [g2] "=&r"(g2), [acc] "+r"(at->acc),
            [scale] "+r"(at->scale), [gain] "+r"(at->gain)
          : [zero] "w"(zero), [six] "w"(six), [three] "r"(0x40400000), [to] "r"(zero_point)
          : "memory");
    return vreinterpretq_s8_f32(c);
}

static inline int8x16_t within(const struct ocrm55_epilogue *e, bool special, int8x16_t y)
{
    return special ? vminq_s8(vmaxq_s8(y, vdupq_n_s8(e->low)), vdupq_n_s8(e->high)) : y;
}

/* 4 channels x 4 pixels: y = c0..c3 of pixel 0, of pixel 1, .. `special`: with limits narrower than int8, or with a table for
 * each channel. */
static inline int8x16_t quad(const struct ocrm55_epilogue *e, enum ocrm55_activation activation, bool special,
                             struct quad_cursor *at)
{
    if (activation == OCRM55_HARD_SWISH) {
        return within(e, special, quad_hard_swish(at, e->zero_point));
    }
    float32x4_t v[4];
    load_scaled(&at->acc, &at->scale, v);
    int16x8_t even = narrow32(vcvtnq_s32_f32(v[0]), vcvtnq_s32_f32(v[2])); /* c0 c2 of each pixel */
    int16x8_t odd = narrow32(vcvtnq_s32_f32(v[1]), vcvtnq_s32_f32(v[3]));  /* c1 c3 of each */
    if (activation == OCRM55_TABLE16) {
        const int16x8_t shift = vdupq_n_s16((int16_t)-e->table_shift);
        uint16x8_t index_even = vshlq_u16(vreinterpretq_u16_s16(even), shift);
        uint16x8_t index_odd = vshlq_u16(vreinterpretq_u16_s16(odd), shift);
        const int8_t *table = at->table;
        if (special) {
            const uint32_t stride = (uint32_t)e->table_stride; /* lanes: 0 2 0 2 .., 1 3 1 3 .. times the stride */
            index_even = vaddq_u16(index_even, vreinterpretq_u16_u32(vdupq_n_u32(2 * stride << 16)));
            index_odd = vaddq_u16(index_odd, vreinterpretq_u16_u32(vdupq_n_u32((3 * stride << 16) + stride)));
            at->table += 4 * stride;
        }
        even = vldrbq_gather_offset_s16(table, index_even);
        odd = vldrbq_gather_offset_s16(table, index_odd);
        return vmovntq_s16(vreinterpretq_s8_s16(even), odd);
    }
    even = vqaddq_n_s16(even, (int16_t)e->zero_point);
    odd = vqaddq_n_s16(odd, (int16_t)e->zero_point);
    return within(e, special, narrow16(even, odd));
}

#endif
#endif
