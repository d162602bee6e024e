# CMSIS-NN, which the C of this archive calls and which is not in it: v7.0.0 or later, a source tree of
# https://github.com/ARM-software/CMSIS-NN. In a Makefile:
#
#   CMSIS_NN_ROOT := path/to/CMSIS-NN
#   include codegen/host/cmsis_nn.mk
#   CFLAGS += $(CMSIS_NN_CFLAGS)
#   program.elf: $(SOURCES) $(CMSIS_NN_LIBRARY)        the library behind what calls it
#
# An archive that was built before is taken with CMSIS_NN_LIBRARY := path/to/libcmsis-nn.a in front of the include.

ifeq ($(CMSIS_NN_ROOT),)
$(error the C of this archive calls CMSIS-NN: set CMSIS_NN_ROOT to a source tree of v7.0.0 or later)
endif
ifeq ($(wildcard $(CMSIS_NN_ROOT)/Include/arm_nnfunctions.h),)
$(error CMSIS_NN_ROOT is $(CMSIS_NN_ROOT), which has no Include/arm_nnfunctions.h)
endif

CMSIS_NN_AR     ?= arm-none-eabi-ar
CMSIS_NN_BUILD  ?= cmsis_nn
CMSIS_NN_FLAGS  ?= -mcpu=cortex-m55 -mthumb -mfloat-abi=hard -Ofast -ffunction-sections -fdata-sections
CMSIS_NN_CFLAGS := -isystem $(CMSIS_NN_ROOT)/Include

ifeq ($(CMSIS_NN_LIBRARY),)
cmsis_nn_goal    := $(.DEFAULT_GOAL)
# The C of an archive calls integer functions only, and GCC 12 refuses some of what the newest CMSIS-NN has beside them.
cmsis_nn_sources := $(filter-out %_f16.c %_f32.c,$(sort $(wildcard $(CMSIS_NN_ROOT)/Source/*/*.c)))
cmsis_nn_objects := $(patsubst $(CMSIS_NN_ROOT)/Source/%.c,$(CMSIS_NN_BUILD)/%.o,$(cmsis_nn_sources))
CMSIS_NN_LIBRARY := $(CMSIS_NN_BUILD)/libcmsis-nn.a

$(CMSIS_NN_LIBRARY): $(cmsis_nn_objects)
	$(CMSIS_NN_AR) rcs $@ $^

$(CMSIS_NN_BUILD)/%.o: $(CMSIS_NN_ROOT)/Source/%.c
	@mkdir -p $(@D)
	$(CC) $(CMSIS_NN_FLAGS) $(CMSIS_NN_CFLAGS) -c -o $@ $<

.DEFAULT_GOAL := $(cmsis_nn_goal)
endif
