/* Reads the image of inputs.h and prints its text, as programs around TVM's C interface did. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <tvm/runtime/crt/platform.h>
#include <tvm/runtime/crt/stack_allocator.h>
#include <tvmgen_rec.h>

#include "board.h"
#include "inputs.h"
#include "labels.h"
#include "outputs.h"

#define CLASSES (sizeof labels / sizeof labels[0])

/* Only a model that was compiled without tir.usmp.enable asks for memory. */
#ifdef WORKSPACE_FROM_PROGRAM
static uint8_t memory[TVMGEN_REC_WORKSPACE_SIZE] __attribute__((section(".bss.noinit.tvm"), aligned(16)));
#else
static uint8_t memory[16];
#endif
static tvm_workspace_t workspace;

void TVMPlatformAbort(tvm_crt_error_t code) { board_exit((int)code & 0xff); }
tvm_crt_error_t TVMPlatformMemoryAllocate(size_t bytes, DLDevice device, void **out) {
    (void)device;
    return StackMemoryManager_Allocate(&workspace, (int32_t)bytes, out);
}
tvm_crt_error_t TVMPlatformMemoryFree(void *pointer, DLDevice device) {
    (void)device;
    return StackMemoryManager_Free(&workspace, pointer);
}
int TVMFuncRegisterGlobal(const char *name, TVMFunctionHandle function, int override) {
    (void)name, (void)function, (void)override;
    return 0;
}

int main(void) {
    struct tvmgen_rec_inputs inputs = {.x = input};
    struct tvmgen_rec_outputs outputs = {.output = output};
    if (sizeof input != TVMGEN_REC_X_SIZE || sizeof output != TVMGEN_REC_OUTPUT_SIZE) {
        return 1;
    }
    StackMemoryManager_Init(&workspace, memory, sizeof memory);
    const uint32_t start = board_instructions();
    const int32_t status = tvmgen_rec_run(&inputs, &outputs);
    const uint32_t end = board_instructions();
    if (status != 0) {
        return 2;
    }
    printf("instructions %lu\ntext: ", (unsigned long)(end - start));
    float score = 0.0f;
    size_t last = 0, count = 0;
    for (size_t step = 0; step < output_len / CLASSES; ++step) {
        const float *const row = output + step * CLASSES;
        size_t best = 0;
        for (size_t i = 1; i < CLASSES; ++i) {
            best = row[i] > row[best] ? i : best;
        }
        if (best != 0 && best != last) {
            printf("%s", labels[best]);
            score += row[best];
            ++count;
        }
        last = best;
    }
    printf(", score: %f\n", (double)(count != 0 ? score / (float)count : 0.0f));
    return 0;
}
