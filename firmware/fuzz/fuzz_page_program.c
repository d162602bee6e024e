/* The whole program for pages, from the host's command line to the UART's last line, with a host that may answer anything.
 *
 * Input: 2 bytes that choose how the host behaves, the command line up to a NUL, then the file of frames.
 */
#include <stdlib.h>
#include <string.h>

#include "memory_platform.h"
#include "ocrf_mutator.h"
#include "status.h"

#define BEHAVIOUR_BYTES 2u
#define LINE_BYTES 600u          /* longer than the firmware's own buffer */
#define WORK_BYTES (512u * 1024) /* behind the frames, for boxes and scratch */

int firmware_main(void);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Where the file begins: behind the command line's NUL. */
static size_t file_start(const uint8_t *data, size_t size)
{
    size_t at = BEHAVIOUR_BYTES;
    while (at < size && at < BEHAVIOUR_BYTES + LINE_BYTES && data[at] != '\0') {
        at++;
    }
    return at < size ? at + 1 : size;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed)
{
    return ocrf_mutate(data, size, most, size > BEHAVIOUR_BYTES ? file_start(data, size) : BEHAVIOUR_BYTES, seed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < BEHAVIOUR_BYTES) {
        return 0;
    }
    const size_t start = file_start(data, size);
    char line[LINE_BYTES + 1] = {0};
    const size_t length = start - BEHAVIOUR_BYTES < LINE_BYTES ? start - BEHAVIOUR_BYTES : LINE_BYTES;
    memcpy(line, data + BEHAVIOUR_BYTES, length);
    const uint32_t bytes = (uint32_t)(size - start);
    /* What is all zero behaves well. */
    const struct memory_host host = {
        .present = !(data[0] & 1u),
        .command_line = data[0] & 2u ? NULL : line,
        .file = data + start,
        .file_bytes = bytes,
        .room_bytes = data[0] & 4u ? bytes + data[1] * 4096u : bytes + WORK_BYTES,
        .size_unknown = data[0] & 8u,
        .reads_half = data[0] & 16u,
        .writes_half = data[0] & 32u,
        .close_fails = data[0] & 64u,
        .size_lie = data[0] & 128u ? (int64_t)data[1] - 128 : 0,
    };
    memory_platform_reset(&host);
    const int status = firmware_main();
    const struct memory_said *const said = memory_platform_said();
    /* One sentence for every failure, none without. */
    if (!said->ends_with_newline || said->open_files != 0 || said->errors != (status != STATUS_OK)) {
        abort();
    }
    if (status == STATUS_OK && (host.reads_half || host.size_unknown)) { /* it believed what it cannot have read */
        abort();
    }
    return 0;
}
