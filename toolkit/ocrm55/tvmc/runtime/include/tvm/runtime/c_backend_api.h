/* What compiled models may call: memory for the time of one run, and work in several tasks. */
#ifndef TVM_RUNTIME_C_BACKEND_API_H_
#define TVM_RUNTIME_C_BACKEND_API_H_

#include <stdint.h>
#include <tvm/runtime/c_runtime_api.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    void *sync_handle;
    int32_t num_task;
} TVMParallelGroupEnv;

typedef int (*FTVMParallelLambda)(int task_id, TVMParallelGroupEnv *penv, void *cdata);

/* nbytes from the program's TVMPlatformMemoryAllocate; NULL when it has none left. The hints are not used. */
TVM_DLL void *TVMBackendAllocWorkspace(int device_type, int device_id, uint64_t nbytes, int dtype_code_hint,
                                       int dtype_bits_hint);

/* Give back what TVMBackendAllocWorkspace returned, the last one first; 0 when that went well. */
TVM_DLL int TVMBackendFreeWorkspace(int device_type, int device_id, void *ptr);

/* Run the task on the one core that there is. */
TVM_DLL int TVMBackendParallelLaunch(FTVMParallelLambda flambda, void *cdata, int num_task);

TVM_DLL int TVMBackendRegisterSystemLibSymbol(const char *name, void *ptr);

#ifdef __cplusplus
}
#endif

#endif
