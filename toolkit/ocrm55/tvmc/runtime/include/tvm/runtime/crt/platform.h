/* What the program around a compiled model provides. */
#ifndef TVM_RUNTIME_CRT_PLATFORM_H_
#define TVM_RUNTIME_CRT_PLATFORM_H_

#include <stddef.h>
#include <tvm/runtime/c_runtime_api.h>
#include <tvm/runtime/crt/error_codes.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Something cannot go on; never returns. */
void __attribute__((noreturn)) TVMPlatformAbort(tvm_crt_error_t code);

/* Memory for TVMBackendAllocWorkspace, aligned to 16 bytes. A model compiled with its arena inside never asks. */
tvm_crt_error_t TVMPlatformMemoryAllocate(size_t num_bytes, DLDevice dev, void **out_ptr);
tvm_crt_error_t TVMPlatformMemoryFree(void *ptr, DLDevice dev);

#ifdef __cplusplus
}
#endif

#endif
