// Gradients of a depthwise convolution in bfloat16, channels last, for a CPU with AVX-512.
//
// One register holds 16 channels of a pixel. The gradient of the weights keeps all K x K sums in registers while it
// walks over an image; that of the input gathers, so that no pixel is written twice. Sums are float32.
#include <torch/extension.h>
#include <vector>

#include "bfloat16.h"

template <int K>
static void weight_grad(const uint16_t* x, const uint16_t* dy, float* dw, int B, int C, int H, int W, int OH, int OW, int sh, int sw) {
  const int P = K / 2;
  for (int b = 0; b < B; b++)
    for (int c = 0; c < C; c += 16) {
      const uint16_t* xb = x + (size_t)b * H * W * C + c;
      const uint16_t* yb = dy + (size_t)b * OH * OW * C + c;
      __m512 acc[K][K];
      for (int i = 0; i < K; i++) for (int j = 0; j < K; j++) acc[i][j] = _mm512_loadu_ps(dw + (size_t)(i * K + j) * C + c);
      for (int oh = 0; oh < OH; oh++) {
        const int h0 = oh * sh - P;
        const bool inner_h = h0 >= 0 && h0 + K <= H;
        for (int ow = 0; ow < OW; ow++) {
          const __m512 g = load_bf16(yb + (size_t)(oh * OW + ow) * C);
          const int w0 = ow * sw - P;
          if (inner_h && w0 >= 0 && w0 + K <= W) {
#pragma GCC unroll 5
            for (int i = 0; i < K; i++)
#pragma GCC unroll 5
              for (int j = 0; j < K; j++)
                acc[i][j] = _mm512_fmadd_ps(g, load_bf16(xb + (size_t)((h0 + i) * W + w0 + j) * C), acc[i][j]);
          } else {
            const __m512 z = _mm512_setzero_ps();
#pragma GCC unroll 5
            for (int i = 0; i < K; i++)
#pragma GCC unroll 5
              for (int j = 0; j < K; j++) {
                const int h = h0 + i, w = w0 + j;
                const bool in = h >= 0 && h < H && w >= 0 && w < W;
                acc[i][j] = _mm512_fmadd_ps(g, in ? load_bf16(xb + (size_t)(h * W + w) * C) : z, acc[i][j]);
              }
          }
        }
      }
      for (int i = 0; i < K; i++) for (int j = 0; j < K; j++) _mm512_storeu_ps(dw + (size_t)(i * K + j) * C + c, acc[i][j]);
    }
}

template <int K>
static void input_grad(const uint16_t* dy, const float* wt, uint16_t* dx, int B, int C, int H, int W, int OH, int OW, int sh, int sw) {
  const int P = K / 2;
  for (int b = 0; b < B; b++)
    for (int c = 0; c < C; c += 16) {
      const uint16_t* yb = dy + (size_t)b * OH * OW * C + c;
      uint16_t* xb = dx + (size_t)b * H * W * C + c;
      for (int h = 0; h < H; h++)
        for (int w = 0; w < W; w++) {
          __m512 a0 = _mm512_setzero_ps(), a1 = a0;
          for (int i = (h + P) % sh; i < K; i += sh) {
            const int oh = (h + P - i) / sh;
            if (h + P - i < 0 || oh >= OH) continue;
            const uint16_t* row = yb + (size_t)oh * OW * C;
            const float* wr = wt + (size_t)i * K * C + c;
            if (sw == 1 && w >= P && w + P < W) {
#pragma GCC unroll 5
              for (int j = 0; j < K; j++) {
                const __m512 v = load_bf16(row + (size_t)(w + P - j) * C), k = _mm512_loadu_ps(wr + (size_t)j * C);
                if (j & 1) a1 = _mm512_fmadd_ps(v, k, a1); else a0 = _mm512_fmadd_ps(v, k, a0);
              }
            } else {
              for (int j = (w + P) % sw; j < K; j += sw) {
                const int ow = (w + P - j) / sw;
                if (w + P - j < 0 || ow >= OW) continue;
                a0 = _mm512_fmadd_ps(load_bf16(row + (size_t)ow * C), _mm512_loadu_ps(wr + (size_t)j * C), a0);
              }
            }
          }
          store_bf16(xb + (size_t)(h * W + w) * C, _mm512_add_ps(a0, a1));
        }
    }
}

// x [B,C,H,W], dy [B,C,OH,OW]: bfloat16, channels last; w [C,1,K,K] float32. -> dx like x, dw like w
std::vector<torch::Tensor> depthwise_backward(torch::Tensor x, torch::Tensor dy, torch::Tensor w, int64_t sh, int64_t sw) {
  const int B = x.size(0), C = x.size(1), H = x.size(2), W = x.size(3), OH = dy.size(2), OW = dy.size(3), K = w.size(2);
  TORCH_CHECK(C % 16 == 0 && (K == 3 || K == 5) && x.scalar_type() == torch::kBFloat16 && dy.scalar_type() == torch::kBFloat16);
  x = x.contiguous(at::MemoryFormat::ChannelsLast); dy = dy.contiguous(at::MemoryFormat::ChannelsLast);
  auto wt = w.detach().to(torch::kFloat32).reshape({C, K * K}).t().contiguous();
  auto dw = torch::zeros({K * K, C}, torch::kFloat32);
  auto dx = torch::empty_like(x, at::MemoryFormat::ChannelsLast);
  auto X = (const uint16_t*)x.data_ptr(), Y = (const uint16_t*)dy.data_ptr();
  auto D = (uint16_t*)dx.data_ptr();
  if (K == 3) { weight_grad<3>(X, Y, dw.data_ptr<float>(), B, C, H, W, OH, OW, sh, sw); input_grad<3>(Y, wt.data_ptr<float>(), D, B, C, H, W, OH, OW, sh, sw); }
  else { weight_grad<5>(X, Y, dw.data_ptr<float>(), B, C, H, W, OH, OW, sh, sw); input_grad<5>(Y, wt.data_ptr<float>(), D, B, C, H, W, OH, OW, sh, sw); }
  return {dx, dw.t().reshape({C, 1, K, K}).contiguous()};
}
