"""What others measured on silicon: kernels of CMSIS-NN and of a fork of it, with their shapes and their cycles."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Published:
    """A page with measurements. board: its file in firmware/boards. cache_bytes: of its data cache. through: whether
    tensors lie in a memory that is written through the cache; else they are tightly coupled. Weights lie behind the
    cache in any case.
    """

    title: str
    board: str
    cache_bytes: int
    through: bool = False

    @property
    def cache(self) -> tuple[int, bool]:
        """What the count of lines depends on."""
        return self.cache_bytes, self.through


@dataclass(frozen=True)
class Measured:
    """Cycles on silicon. case: of silicon.c. own: the file of the kernel, where the fork has it otherwise or alone.
    why: a reason for a difference beyond 15 %, in words.
    """

    case: str
    title: str
    macs: int
    cycles: int
    source: Published
    own: str = ""
    why: str = ""


_NETWORK = Published(
    "Apollo510, DS-CNN by layer: helia-profiler's CSV files, neuralSPOT's table", "apollo510", 64 * 1024
)
_KERNELS = Published("Apollo510: ns-cmsis-nn, docs/guides/kernel-benchmarks.md", "apollo510", 64 * 1024)
# "Memory arenas were all located in SRAM, and model binaries were stored in MRAM", by Alif's evaluation kit, which sets
# the SRAM to write-through, without allocation by stores.
_ALIF = Published("Alif E8, MobileNetV2 by layer: executorch#17651", "alif-e8", 32 * 1024, through=True)

_WEIGHTS = "131 KB of weights, and the data cache has 64 KB"
_LOOP = "GCC 12 turns the loop into one with a taken branch; with GCC 14, which built what was measured, it is close"
_COPIES = "124 and 20 of its 144 channels are copied apart, in strides that are no multiple of a line"

MEASURED = (
    Measured("ds_conv", "conv 10x4, 49x10x1 to 25x5x64", 320_000, 347_648, _NETWORK),
    Measured("ds_depthwise", "depthwise 3x3, 25x5x64", 72_000, 217_892, _NETWORK),
    Measured("ds_pointwise", "1x1, 25x5x64 to 64", 512_000, 219_939, _NETWORK),
    Measured("ds_pool", "average pool 25x5, 64", 0, 14_889, _NETWORK),
    Measured("conv_3x3", "conv 3x3, 32x32x64 to 64", 37_748_736, 7_577_201, _KERNELS),
    Measured("conv_1x1", "1x1, 32x32x64 to 64", 4_194_304, 1_707_351, _KERNELS),
    Measured("depthwise_3x3", "depthwise 3x3, 32x32x64", 589_824, 1_741_530, _KERNELS),
    Measured("matmul", "matmul 64x512x256", 8_388_608, 2_086_979, _KERNELS, why=_WEIGHTS),
    Measured("pool_3x3", "average pool 3x3, 32x32x64", 0, 2_135_472, _KERNELS),
    Measured("add_s8", "add int8, 4096", 0, 61_575, _KERNELS, "arm_elementwise_add_s8.c"),
    Measured("mul_s8", "multiply int8, 4096", 0, 22_647, _KERNELS, "arm_elementwise_mul_s8.c"),
    Measured("add_s16", "add int16, 4096", 0, 53_370, _KERNELS),
    Measured("mul_s16", "multiply int16, 4096", 0, 28_755, _KERNELS, why=_LOOP),
    Measured("conv_s4", "conv 3x3 of int4, 32x32x64 to 64", 37_748_736, 18_468_361, _KERNELS),
    Measured("depthwise_s4", "depthwise 3x3 of int4, 32x32x64", 589_824, 2_188_508, _KERNELS),
    Measured("matmul_s4", "matmul of int4, 64x512x256", 8_388_608, 4_197_172, _KERNELS),
    Measured("vector_s4", "vector of int4, 512x256", 131_072, 88_622, _KERNELS),
    Measured("vector_s8", "vector, 512x256", 131_072, 69_076, _KERNELS, "arm_nn_vec_mat_mult_t_s8.c", _WEIGHTS),
    Measured(
        "vector_s16", "vector of int16, 512x256", 131_072, 99_807, _KERNELS, "arm_nn_vec_mat_mult_t_s16.c", _WEIGHTS
    ),
    Measured("conv_s16", "conv 3x3 of int16, 32x32x64 to 64", 37_748_736, 31_488_224, _KERNELS),
    Measured("depthwise_s16", "depthwise 3x3 of int16, 32x32x64", 589_824, 3_861_216, _KERNELS),
    Measured("pool_s16", "average pool 3x3 of int16, 32x32x64", 0, 2_408_673, _KERNELS),
    Measured("mul_acc_s16", "multiply and add int16, 4096", 0, 31_851, _KERNELS, why=_LOOP),
    Measured("mul_s16_s8", "multiply int16 to int8, 4096", 0, 28_778, _KERNELS),
    Measured("mul_s16_batch", "multiply int16 in batches, 4096", 0, 28_780, _KERNELS),
    Measured("sub_s8", "subtract int8, 4096", 0, 61_632, _KERNELS, "arm_elementwise_sub_s8.c"),
    Measured("add_scalar_s8", "add a number to int8, 4096", 0, 42_129, _KERNELS, "arm_add_scalar_s8.c"),
    Measured("sub_scalar_s8", "subtract a number from int8, 4096", 0, 42_161, _KERNELS, "arm_sub_scalar_s8.c"),
    Measured("mul_scalar_s8", "multiply int8 by a number, 4096", 0, 20_087, _KERNELS, "arm_mul_scalar_s8.c"),
    Measured("mul_scalar_s16", "multiply int16 by a number, 4096", 0, 27_728, _KERNELS, "arm_mul_scalar_s16.c"),
    Measured("comparison_s8", "compare int8, 4096", 0, 78_071, _KERNELS, "arm_comparison_s8.c", _LOOP),
    Measured("comparison_s16", "compare int16, 4096", 0, 77_986, _KERNELS, "arm_comparison_s16.c"),
    Measured("v2_conv", "conv 3x3 /2, 224x224x3 to 32", 10_838_016, 13_754_047, _ALIF),
    Measured("v2_depthwise_32", "depthwise 3x3, 112x112x32", 3_612_672, 13_715_766, _ALIF),
    Measured("v2_pointwise_32_16", "1x1, 112x112x32 to 16", 6_422_528, 4_915_937, _ALIF),
    Measured("v2_pointwise_16_96", "1x1, 112x112x16 to 96", 19_267_584, 24_249_462, _ALIF),
    Measured("v2_depthwise_96", "depthwise 3x3 /2, 112x112x96", 2_709_504, 10_286_711, _ALIF),
    Measured("v2_pointwise_96_24", "1x1, 56x56x96 to 24", 7_225_344, 2_791_555, _ALIF),
    Measured("v2_pointwise_24_144", "1x1, 56x56x24 to 144", 10_838_016, 10_329_014, _ALIF),
    Measured("v2_depthwise_144", "depthwise 3x3, 56x56x144", 4_064_256, 15_319_785, _ALIF, why=_COPIES),
)
