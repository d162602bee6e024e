/* Mutation of files of frames: chance never hits a checksum, so most mutants get theirs put right. */
#ifndef OCRM55_OCRF_MUTATOR_H
#define OCRM55_OCRF_MUTATOR_H

#include <stddef.h>
#include <stdint.h>

/* Mutate the file that lies from `start` to the end of `data`; returns the new size of all of it. */
size_t ocrf_mutate(uint8_t *data, size_t size, size_t most, size_t start, unsigned seed);

#endif
