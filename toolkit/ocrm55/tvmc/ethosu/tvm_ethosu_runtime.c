/* See tvm_ethosu_runtime.h. Needs Arm's ethos-u-core-driver, 22.02 or later. */
#include "tvm_ethosu_runtime.h"

#include <ethosu_driver.h>

int32_t TVMEthosULaunch(tvm_device_ethos_u_t *driver, void *stream, size_t stream_bytes, uint64_t *bases, size_t *sizes,
                        int count) {
    const int failed = ethosu_invoke((struct ethosu_driver *)driver, stream, (int)stream_bytes, bases, sizes, count);
    return failed != 0 ? -1 : 0;
}
