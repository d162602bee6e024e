// Gradients of a depthwise convolution in bfloat16, channels last, for a CPU with AVX-512.
//
// Works on 16 channels of one picture at a time, unpacked to float32 in a buffer with a margin of zeros: pixels of
// one channel lie a power of two bytes apart in the tensor and would evict each other from the first cache, and the
// margin spares all questions about borders. One register holds 16 channels of a pixel.
#include <torch/extension.h>

#include <vector>

#include "bfloat16.h"

struct Shape {
  int64_t channels, height, width, out_height, out_width, stride_h, stride_w;
};

// Copies 16 channels of rows x columns pixels into a buffer `wide` pixels wide; pixel (i, j) comes to
// (top + i * step_h, top + j * step_w). What lies between stays as it is.
static void unpack(const uint16_t* from, int64_t channels, int64_t rows, int64_t columns, float* to, int64_t wide,
                   int64_t top, int64_t step_h, int64_t step_w) {
  for (int64_t i = 0; i < rows; i++)
    for (int64_t j = 0; j < columns; j++)
      _mm512_storeu_ps(to + ((top + i * step_h) * wide + top + j * step_w) * 16,
                       load_bf16(from + (i * columns + j) * channels));
}

// dw[K][K][16] += sum over output pixels of dy * x under each tap; x padded by K / 2, dy packed
template <int K>
static void add_weight_gradient(const float* x, const float* dy, float* dw, int64_t channels, const Shape& s) {
  const int64_t wide = s.width + K - 1;
  __m512 sums[K][K];
#pragma GCC unroll 5
  for (int i = 0; i < K; i++)
#pragma GCC unroll 5
    for (int j = 0; j < K; j++) sums[i][j] = _mm512_loadu_ps(dw + (i * K + j) * channels);
  for (int64_t oh = 0; oh < s.out_height; oh++)
    for (int64_t ow = 0; ow < s.out_width; ow++) {
      const __m512 g = _mm512_loadu_ps(dy + (oh * s.out_width + ow) * 16);
      const float* corner = x + (oh * s.stride_h * wide + ow * s.stride_w) * 16;
#pragma GCC unroll 5
      for (int i = 0; i < K; i++)
#pragma GCC unroll 5
        for (int j = 0; j < K; j++)
          sums[i][j] = _mm512_fmadd_ps(g, _mm512_loadu_ps(corner + (i * wide + j) * 16), sums[i][j]);
    }
#pragma GCC unroll 5
  for (int i = 0; i < K; i++)
#pragma GCC unroll 5
    for (int j = 0; j < K; j++) _mm512_storeu_ps(dw + (i * K + j) * channels, sums[i][j]);
}

// dx of one picture's 16 channels: dy, spread out by the strides and padded by K / 2, under the turned kernel
template <int K>
static void input_gradient(const float* dy, const float* weights, uint16_t* dx, const Shape& s) {
  const int64_t wide = s.width + K - 1;
  __m512 w[K][K];
#pragma GCC unroll 5
  for (int i = 0; i < K; i++)
#pragma GCC unroll 5
    for (int j = 0; j < K; j++)
      w[i][j] = _mm512_loadu_ps(weights + ((K - 1 - i) * K + (K - 1 - j)) * s.channels);
  for (int64_t h = 0; h < s.height; h++)
    for (int64_t x = 0; x < s.width; x++) {
      const float* corner = dy + (h * wide + x) * 16;
      __m512 sums[K];  // one a row: a single chain of K * K additions would wait for itself
#pragma GCC unroll 5
      for (int i = 0; i < K; i++) {
        sums[i] = _mm512_mul_ps(w[i][0], _mm512_loadu_ps(corner + i * wide * 16));
#pragma GCC unroll 5
        for (int j = 1; j < K; j++)
          sums[i] = _mm512_fmadd_ps(w[i][j], _mm512_loadu_ps(corner + (i * wide + j) * 16), sums[i]);
      }
#pragma GCC unroll 5
      for (int i = 1; i < K; i++) sums[0] = _mm512_add_ps(sums[0], sums[i]);
      store_bf16(dx + (h * s.width + x) * s.channels, sums[0]);
    }
}

template <int K>
static void gradients(const uint16_t* x, const uint16_t* dy, const float* weights, uint16_t* dx, float* dw,
                      int64_t pictures, const Shape& s) {
  const int64_t pixels = s.height * s.width, out_pixels = s.out_height * s.out_width;
  const int64_t padded = (s.height + K - 1) * (s.width + K - 1);
  std::vector<float> x_buffer(padded * 16), spread(padded * 16), packed(out_pixels * 16);
  for (int64_t n = 0; n < pictures; n++)
    for (int64_t c = 0; c < s.channels; c += 16) {
      const uint16_t* g = dy + n * out_pixels * s.channels + c;
      unpack(x + n * pixels * s.channels + c, s.channels, s.height, s.width, x_buffer.data(), s.width + K - 1, K / 2,
             1, 1);
      unpack(g, s.channels, s.out_height, s.out_width, packed.data(), s.out_width, 0, 1, 1);
      unpack(g, s.channels, s.out_height, s.out_width, spread.data(), s.width + K - 1, K / 2, s.stride_h, s.stride_w);
      add_weight_gradient<K>(x_buffer.data(), packed.data(), dw + c, s.channels, s);
      input_gradient<K>(spread.data(), weights + c, dx + n * pixels * s.channels + c, s);
    }
}

// x [N,C,H,W], dy [N,C,OH,OW]: bfloat16, channels last; w [C,1,K,K] float32, K 3 or 5. -> dx like x, dw like w
std::vector<torch::Tensor> depthwise_backward(torch::Tensor x, torch::Tensor dy, torch::Tensor w, int64_t stride_h,
                                              int64_t stride_w) {
  x = x.contiguous(at::MemoryFormat::ChannelsLast);
  dy = dy.contiguous(at::MemoryFormat::ChannelsLast);
  const Shape s{x.size(1), x.size(2), x.size(3), dy.size(2), dy.size(3), stride_h, stride_w};
  const int64_t K = w.size(2);
  TORCH_CHECK(s.channels % 16 == 0 && (K == 3 || K == 5));
  TORCH_CHECK(x.scalar_type() == torch::kBFloat16 && dy.scalar_type() == torch::kBFloat16);
  const auto taps = w.detach().to(torch::kFloat32).reshape({s.channels, K * K}).t().contiguous();  // [K * K, C]
  auto dw = torch::zeros({K * K, s.channels}, torch::kFloat32);
  auto dx = torch::empty_like(x, at::MemoryFormat::ChannelsLast);
  const auto run = K == 3 ? gradients<3> : gradients<5>;
  run((const uint16_t*)x.data_ptr(), (const uint16_t*)dy.data_ptr(), taps.data_ptr<float>(), (uint16_t*)dx.data_ptr(),
      dw.data_ptr<float>(), x.size(0), s);
  return {dx, dw.t().reshape({s.channels, 1, K, K}).contiguous()};
}
