/* Runs a fuzzer over the files that are named, for compilers without libFuzzer: what was found once stays tested. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define MOST_BYTES (1u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t most);

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t most)
{
    (void)data;
    (void)most;
    return size; /* for the linker: nothing is mutated here */
}

int main(int count, char **words)
{
    uint8_t *data = malloc(MOST_BYTES);
    for (int i = 1; i < count; i++) {
        FILE *file = fopen(words[i], "rb");
        if (data == NULL || file == NULL) {
            (void)fprintf(stderr, "%s cannot be read\n", words[i]);
            return 2;
        }
        const size_t bytes = fread(data, 1, MOST_BYTES, file);
        (void)fclose(file);
        LLVMFuzzerTestOneInput(data, bytes);
    }
    free(data);
    printf("%d files\n", count - 1);
    return 0;
}
