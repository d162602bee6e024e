/* Names of TVM's C runtime that a bare-metal program uses around a compiled model. */
#ifndef TVM_RUNTIME_C_RUNTIME_API_H_
#define TVM_RUNTIME_C_RUNTIME_API_H_

#include <dlpack/dlpack.h>
#include <stddef.h>
#include <stdint.h>
#include <tvm/runtime/crt/error_codes.h>

#ifndef TVM_DLL
#define TVM_DLL __attribute__((visibility("default")))
#endif

#ifdef __cplusplus
extern "C" {
#endif

typedef void *TVMModuleHandle;
typedef void *TVMFunctionHandle;

/* Programs define it, mostly to do nothing: there is no registry of functions by name here. */
TVM_DLL int TVMFuncRegisterGlobal(const char *name, TVMFunctionHandle f, int override);

#ifdef __cplusplus
}
#endif

#endif
