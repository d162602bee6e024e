/* Memory for the time of one run out of one block: what was taken last is given back first. */
#ifndef TVM_RUNTIME_CRT_STACK_ALLOCATOR_H_
#define TVM_RUNTIME_CRT_STACK_ALLOCATOR_H_

#include <stddef.h>
#include <stdint.h>
#include <tvm/runtime/crt/error_codes.h>

/* A program may define TVM_CRT_STACK_ALLOCATOR_ENABLE_LIFO_CHECK there. */
#if defined(__has_include)
#if __has_include("crt_config.h")
#include "crt_config.h"
#endif
#endif

#ifndef TVM_RUNTIME_ALLOC_ALIGNMENT_BYTES
#define TVM_RUNTIME_ALLOC_ALIGNMENT_BYTES 16
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* next_alloc: the first free byte. workspace, workspace_size: the block. */
typedef struct {
    uint8_t *next_alloc;
    uint8_t *workspace;
    size_t workspace_size;
} tvm_workspace_t;

/* Take over workspace_size bytes; a start that is not aligned loses the bytes before the next boundary. */
tvm_crt_error_t StackMemoryManager_Init(tvm_workspace_t *tvm_runtime_workspace, uint8_t *g_aot_memory,
                                        size_t workspace_size);

/* kTvmErrorPlatformNoMemory when fewer than nbytes are left. */
tvm_crt_error_t StackMemoryManager_Allocate(tvm_workspace_t *tvm_runtime_workspace, int32_t nbytes,
                                            void **current_alloc);

/* kTvmErrorPlatformStackAllocBadFree for a pointer outside of what is taken. */
tvm_crt_error_t StackMemoryManager_Free(tvm_workspace_t *tvm_runtime_workspace, void *ptr);

/* The same two, with the order of giving back checked (do_lifo_check != 0) or not. A check costs 16 bytes a block. */
tvm_crt_error_t StackMemoryManager_Allocate_Body(tvm_workspace_t *tvm_runtime_workspace, int32_t nbytes,
                                                 void **current_alloc, uint8_t do_lifo_check);
tvm_crt_error_t StackMemoryManager_Free_Body(tvm_workspace_t *tvm_runtime_workspace, void *ptr, uint8_t do_lifo_check);

#ifdef __cplusplus
}
#endif

#endif
