// The functions of this folder as a Python module.
#include <torch/extension.h>

#include <vector>

std::vector<torch::Tensor> depthwise_backward(torch::Tensor x, torch::Tensor dy, torch::Tensor w, int64_t sh,
                                              int64_t sw);
std::vector<torch::Tensor> statistics(torch::Tensor x);
torch::Tensor norm_hardswish(torch::Tensor x, torch::Tensor scale, torch::Tensor shift);
std::vector<torch::Tensor> norm_hardswish_backward(torch::Tensor x, torch::Tensor dy, torch::Tensor scale,
                                                   torch::Tensor shift, torch::Tensor mean, torch::Tensor rstd);

PYBIND11_MODULE(TORCH_EXTENSION_NAME, module) {
  module.def("depthwise_backward", &depthwise_backward);
  module.def("statistics", &statistics);
  module.def("norm_hardswish", &norm_hardswish);
  module.def("norm_hardswish_backward", &norm_hardswish_backward);
}
