/* What a compiled model may call, on top of what the program provides (tvm/runtime/crt/platform.h). */
#include <stddef.h>
#include <stdint.h>
#include <tvm/runtime/c_backend_api.h>
#include <tvm/runtime/crt/platform.h>

static DLDevice device(int device_type, int device_id) {
    DLDevice found;
    found.device_type = (DLDeviceType)device_type;
    found.device_id = device_id;
    return found;
}

void *TVMBackendAllocWorkspace(int device_type, int device_id, uint64_t nbytes, int dtype_code_hint,
                               int dtype_bits_hint) {
    (void)dtype_code_hint;
    (void)dtype_bits_hint;
    void *memory = NULL;
    if (nbytes > SIZE_MAX ||
        TVMPlatformMemoryAllocate((size_t)nbytes, device(device_type, device_id), &memory) != kTvmErrorNoError) {
        return NULL;
    }
    return memory;
}

int TVMBackendFreeWorkspace(int device_type, int device_id, void *ptr) {
    return (int)TVMPlatformMemoryFree(ptr, device(device_type, device_id));
}

int TVMBackendParallelLaunch(FTVMParallelLambda flambda, void *cdata, int num_task) {
    (void)num_task;
    TVMParallelGroupEnv one_task = {NULL, 1};
    return flambda(0, &one_task, cdata);
}

int TVMBackendRegisterSystemLibSymbol(const char *name, void *ptr) {
    return TVMFuncRegisterGlobal(name, ptr, 0);
}
