/* The call from the C of an archive to the Ethos-U's driver, with the name and the arguments that TVM gave it. */
#ifndef TVM_ETHOSU_RUNTIME_H_
#define TVM_ETHOSU_RUNTIME_H_

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef void tvm_device_ethos_u_t;

/* Run a command stream (with the driver's header in front) and wait for its end: 0 when that went well.
 * driver: a struct ethosu_driver. bases, sizes: of the memory that the stream's base pointers 0, 1, ... stand for. */
int32_t TVMEthosULaunch(tvm_device_ethos_u_t *driver, void *stream, size_t stream_bytes, uint64_t *bases, size_t *sizes,
                        int count);

#ifdef __cplusplus
}
#endif

#endif
