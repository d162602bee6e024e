/* The whole program, from the host's command line to the UART's last line, with a host that may answer anything.
 *
 * Input: 2 bytes that choose how the host behaves, the command line up to a NUL, then the file of images.
 */
#include <stdlib.h>
#include <string.h>

#include "memory_platform.h"
#include "ocri_mutator.h"
#include "ocrm55_model.h"
#include "status.h"

#define BEHAVIOUR_BYTES 2u
#define LINE_BYTES 600u /* longer than the firmware's own buffer */

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
    return ocri_mutate(data, size, most, size > BEHAVIOUR_BYTES ? file_start(data, size) : BEHAVIOUR_BYTES, seed);
}

static void check(int status, const struct memory_host *host)
{
    const struct memory_said *said = memory_platform_said();
    if (!said->ends_with_newline || said->open_files != 0) {
        abort();
    }
    if (said->errors != (status != STATUS_OK)) { /* one sentence for every failure, none without */
        abort();
    }
    if (status == STATUS_OK) {
        const uint32_t rows = said->written_bytes / (OCRM55_OUTPUT_STEPS * OCRM55_OUTPUT_CLASSES * 4u);
        const bool whole = said->written_bytes % (OCRM55_OUTPUT_STEPS * OCRM55_OUTPUT_CLASSES * 4u) == 0;
        if (said->images == 0 || said->texts != said->images || !whole || (rows != 0 && rows != said->images)) {
            abort();
        }
        if (host->reads_half || host->size_unknown) { /* it believed a file that it cannot have read */
            abort();
        }
    }
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
        .room_bytes = data[0] & 4u ? bytes / 2u : bytes,
        .size_unknown = data[0] & 8u,
        .reads_half = data[0] & 16u,
        .writes_half = data[0] & 32u,
        .close_fails = data[0] & 64u,
        .size_lie = data[0] & 128u ? (int64_t)data[1] - 128 : 0,
    };
    memory_platform_reset(&host);
    check(firmware_main(), &host);
    return 0;
}
