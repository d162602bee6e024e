/* See tvm/runtime/crt/stack_allocator.h. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <tvm/runtime/crt/stack_allocator.h>

#define ALIGNMENT ((size_t)TVM_RUNTIME_ALLOC_ALIGNMENT_BYTES)

#ifdef TVM_CRT_STACK_ALLOCATOR_ENABLE_LIFO_CHECK
#define LIFO_CHECK 1
#else
#define LIFO_CHECK 0
#endif

static size_t aligned(size_t bytes) {
    return (bytes + ALIGNMENT - 1) & ~(ALIGNMENT - 1);
}

tvm_crt_error_t StackMemoryManager_Init(tvm_workspace_t *tvm_runtime_workspace, uint8_t *g_aot_memory,
                                        size_t workspace_size) {
    const size_t lost = aligned((uintptr_t)g_aot_memory) - (uintptr_t)g_aot_memory;
    if (lost > workspace_size) {
        return kTvmErrorPlatformNoMemory;
    }
    tvm_runtime_workspace->workspace = g_aot_memory + lost;
    tvm_runtime_workspace->workspace_size = workspace_size - lost;
    tvm_runtime_workspace->next_alloc = tvm_runtime_workspace->workspace;
    return kTvmErrorNoError;
}

/* With the check, where a block starts stands in the last bytes before the next one. */
tvm_crt_error_t StackMemoryManager_Allocate_Body(tvm_workspace_t *tvm_runtime_workspace, int32_t nbytes,
                                                 void **current_alloc, uint8_t do_lifo_check) {
    uint8_t *const start = tvm_runtime_workspace->next_alloc;
    const size_t taken = (size_t)(start - tvm_runtime_workspace->workspace);
    *current_alloc = NULL;
    if (nbytes < 0) {
        return kTvmErrorPlatformNoMemory;
    }
    const size_t bytes = aligned((size_t)nbytes) + (do_lifo_check != 0 ? ALIGNMENT : 0);
    if (bytes > tvm_runtime_workspace->workspace_size - taken) {
        return kTvmErrorPlatformNoMemory;
    }
    tvm_runtime_workspace->next_alloc = start + bytes;
    if (do_lifo_check != 0) {
        memcpy(tvm_runtime_workspace->next_alloc - sizeof(start), &start, sizeof(start));
    }
    *current_alloc = start;
    return kTvmErrorNoError;
}

tvm_crt_error_t StackMemoryManager_Allocate(tvm_workspace_t *tvm_runtime_workspace, int32_t nbytes,
                                            void **current_alloc) {
    return StackMemoryManager_Allocate_Body(tvm_runtime_workspace, nbytes, current_alloc, LIFO_CHECK);
}

tvm_crt_error_t StackMemoryManager_Free_Body(tvm_workspace_t *tvm_runtime_workspace, void *ptr, uint8_t do_lifo_check) {
    uint8_t *const start = (uint8_t *)ptr;
    if (start < tvm_runtime_workspace->workspace || start > tvm_runtime_workspace->next_alloc) {
        return kTvmErrorPlatformStackAllocBadFree;
    }
    if (do_lifo_check != 0) {
        uint8_t *last = NULL;
        memcpy(&last, tvm_runtime_workspace->next_alloc - sizeof(last), sizeof(last));
        if (last != start) {
            return kTvmErrorPlatformStackAllocBadFree;
        }
    }
    tvm_runtime_workspace->next_alloc = start;
    return kTvmErrorNoError;
}

tvm_crt_error_t StackMemoryManager_Free(tvm_workspace_t *tvm_runtime_workspace, void *ptr) {
    return StackMemoryManager_Free_Body(tvm_runtime_workspace, ptr, LIFO_CHECK);
}
