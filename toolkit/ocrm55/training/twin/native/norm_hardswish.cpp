// Batch normalisation and hard-swish in one, bfloat16, channels last, for a CPU with AVX-512.
//
// Apart, they read and write the activations of a training step twice as often, and PyTorch's own are a third of it.
// A tensor is a matrix of P pixels by C channels, C a multiple of 16. Sums over pixels run in float32 over blocks of
// pixels and in double over blocks.
#include <torch/extension.h>

#include <vector>

#include "bfloat16.h"

static const int64_t BLOCK = 512;  // pixels

// hard-swish and its slope: z * clamp(z / 6 + 1/2, 0, 1)
static inline __m512 gate(__m512 z) {
  const __m512 g = _mm512_fmadd_ps(z, _mm512_set1_ps(1.f / 6), _mm512_set1_ps(0.5f));
  return _mm512_min_ps(_mm512_max_ps(g, _mm512_setzero_ps()), _mm512_set1_ps(1));
}
static inline __m512 slope(__m512 z) {
  const __m512 s = _mm512_fmadd_ps(z, _mm512_set1_ps(1.f / 3), _mm512_set1_ps(0.5f));
  const __mmask16 low = _mm512_cmp_ps_mask(z, _mm512_set1_ps(-3), _CMP_LE_OQ);
  const __mmask16 high = _mm512_cmp_ps_mask(z, _mm512_set1_ps(3), _CMP_GE_OQ);
  return _mm512_mask_mov_ps(_mm512_mask_mov_ps(s, low, _mm512_setzero_ps()), high, _mm512_set1_ps(1));
}

static void add_to(double* total, __m512 sum) {
  float values[16];
  _mm512_storeu_ps(values, sum);
  for (int i = 0; i < 16; i++) total[i] += values[i];
}

struct Matrix {
  int64_t pixels, channels;
  explicit Matrix(const torch::Tensor& x) : pixels(x.size(0) * x.size(2) * x.size(3)), channels(x.size(1)) {
    TORCH_CHECK(x.scalar_type() == torch::kBFloat16 && channels % 16 == 0);
    TORCH_CHECK(x.is_contiguous(at::MemoryFormat::ChannelsLast));
  }
};

// x [N,C,H,W] -> mean [C], biased variance [C], float32
std::vector<torch::Tensor> statistics(torch::Tensor x) {
  const Matrix m(x);
  const auto* X = (const uint16_t*)x.data_ptr();
  auto sums = torch::zeros({2, m.channels}, torch::kFloat64);
  double *sum = sums.data_ptr<double>(), *square = sum + m.channels;
  for (int64_t p0 = 0; p0 < m.pixels; p0 += BLOCK) {
    const int64_t p1 = std::min(m.pixels, p0 + BLOCK);
    for (int64_t c = 0; c < m.channels; c += 16) {
      __m512 s0 = _mm512_setzero_ps(), s1 = s0, q0 = s0, q1 = s0;
      int64_t p = p0;
      for (; p + 1 < p1; p += 2) {
        const __m512 a = load_bf16(X + p * m.channels + c), b = load_bf16(X + (p + 1) * m.channels + c);
        s0 = _mm512_add_ps(s0, a);
        s1 = _mm512_add_ps(s1, b);
        q0 = _mm512_fmadd_ps(a, a, q0);
        q1 = _mm512_fmadd_ps(b, b, q1);
      }
      if (p < p1) {
        const __m512 a = load_bf16(X + p * m.channels + c);
        s0 = _mm512_add_ps(s0, a);
        q0 = _mm512_fmadd_ps(a, a, q0);
      }
      add_to(sum + c, _mm512_add_ps(s0, s1));
      add_to(square + c, _mm512_add_ps(q0, q1));
    }
  }
  auto mean = sums[0] / (double)m.pixels;
  auto variance = (sums[1] / (double)m.pixels - mean * mean).clamp_min(0);
  return {mean.to(torch::kFloat32), variance.to(torch::kFloat32)};
}

// hard-swish of x * scale + shift, both [C] float32
torch::Tensor norm_hardswish(torch::Tensor x, torch::Tensor scale, torch::Tensor shift) {
  const Matrix m(x);
  auto y = torch::empty_like(x, at::MemoryFormat::ChannelsLast);
  const auto* X = (const uint16_t*)x.data_ptr();
  auto* Y = (uint16_t*)y.data_ptr();
  const float *A = scale.data_ptr<float>(), *B = shift.data_ptr<float>();
  for (int64_t p = 0; p < m.pixels; p++)
    for (int64_t c = 0; c < m.channels; c += 16) {
      const int64_t i = p * m.channels + c;
      const __m512 z = _mm512_fmadd_ps(load_bf16(X + i), _mm512_loadu_ps(A + c), _mm512_loadu_ps(B + c));
      store_bf16(Y + i, _mm512_mul_ps(z, gate(z)));
    }
  return y;
}

// -> gradients of x, of the norm's weight [C] and of its bias [C].
// With z = x * scale + shift, g = dy * slope(z), x^ = (x - mean) * rstd:
// dx = scale * (g - mean of g - x^ * mean of g x^), which is scale * g - u * x - v for some u and v of the channel.
std::vector<torch::Tensor> norm_hardswish_backward(torch::Tensor x, torch::Tensor dy, torch::Tensor scale,
                                                   torch::Tensor shift, torch::Tensor mean, torch::Tensor rstd) {
  const Matrix m(x);
  dy = dy.contiguous(at::MemoryFormat::ChannelsLast);
  TORCH_CHECK(dy.scalar_type() == torch::kBFloat16);
  auto dx = torch::empty_like(x, at::MemoryFormat::ChannelsLast);
  const auto *X = (const uint16_t*)x.data_ptr(), *G = (const uint16_t*)dy.data_ptr();
  auto* D = (uint16_t*)dx.data_ptr();
  const float *A = scale.data_ptr<float>(), *B = shift.data_ptr<float>();
  auto sums = torch::zeros({2, m.channels}, torch::kFloat64);
  double *sum = sums.data_ptr<double>(), *product = sum + m.channels;
  for (int64_t p0 = 0; p0 < m.pixels; p0 += BLOCK) {
    const int64_t p1 = std::min(m.pixels, p0 + BLOCK);
    for (int64_t c = 0; c < m.channels; c += 16) {
      const __m512 a = _mm512_loadu_ps(A + c), b = _mm512_loadu_ps(B + c);
      __m512 s = _mm512_setzero_ps(), q = s;
      for (int64_t p = p0; p < p1; p++) {
        const __m512 v = load_bf16(X + p * m.channels + c);
        const __m512 g = _mm512_mul_ps(load_bf16(G + p * m.channels + c), slope(_mm512_fmadd_ps(v, a, b)));
        s = _mm512_add_ps(s, g);
        q = _mm512_fmadd_ps(g, v, q);
      }
      add_to(sum + c, s);
      add_to(product + c, q);
    }
  }
  auto mean64 = mean.to(torch::kFloat64), rstd64 = rstd.to(torch::kFloat64);
  auto bias = sums[0], weight = (sums[1] - mean64 * sums[0]) * rstd64;
  auto u64 = scale.to(torch::kFloat64) * rstd64 * weight / (double)m.pixels;
  auto v64 = scale.to(torch::kFloat64) * bias / (double)m.pixels - u64 * mean64;
  auto u = u64.to(torch::kFloat32), v = v64.to(torch::kFloat32);
  const float *U = u.data_ptr<float>(), *V = v.data_ptr<float>();
  for (int64_t p = 0; p < m.pixels; p++)
    for (int64_t c = 0; c < m.channels; c += 16) {
      const int64_t i = p * m.channels + c;
      const __m512 a = _mm512_loadu_ps(A + c), value = load_bf16(X + i);
      const __m512 g = _mm512_mul_ps(load_bf16(G + i), slope(_mm512_fmadd_ps(value, a, _mm512_loadu_ps(B + c))));
      __m512 d = _mm512_fnmadd_ps(value, _mm512_loadu_ps(U + c), _mm512_mul_ps(g, a));
      store_bf16(D + i, _mm512_sub_ps(d, _mm512_loadu_ps(V + c)));
    }
  return {dx, weight.to(torch::kFloat32), bias.to(torch::kFloat32)};
}
