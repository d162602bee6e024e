#include "ocri.h"

#include "crc32.h"

static uint32_t little_endian(const uint8_t *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static enum status fail(struct ocri_trouble *trouble, enum status status, uint32_t image, uint32_t found,
                        uint32_t expected)
{
    *trouble = (struct ocri_trouble){.image = image, .found = found, .expected = expected};
    return status;
}

/* One record at `at` with `left` bytes to the end of the file; its length goes to *taken. */
static enum status check_record(const uint8_t *at, uint32_t left, uint32_t image, uint32_t height, uint32_t width,
                                uint32_t *taken, struct ocri_trouble *trouble)
{
    if (left < OCRI_RECORD_BYTES) {
        return fail(trouble, STATUS_OCRI_TRUNCATED, image, left, OCRI_RECORD_BYTES);
    }
    const uint32_t its_width = little_endian(at);
    const uint32_t its_height = little_endian(at + 4);
    const uint32_t its_bytes = little_endian(at + 8);
    if (its_height != height) {
        return fail(trouble, STATUS_OCRI_HEIGHT, image, its_height, height);
    }
    if (its_width == 0 || its_width > width) {
        return fail(trouble, STATUS_OCRI_WIDTH, image, its_width, width);
    }
    /* Both factors are at most the model's now, so the product does not wrap. */
    const uint32_t pixels = its_width * its_height * OCRI_CHANNELS;
    if (its_bytes != pixels) {
        return fail(trouble, STATUS_OCRI_BYTES, image, its_bytes, pixels);
    }
    const uint32_t padded = (pixels + 3u) & ~3u;
    if (left - OCRI_RECORD_BYTES < padded) {
        return fail(trouble, STATUS_OCRI_TRUNCATED, image, left - OCRI_RECORD_BYTES, padded);
    }
    *taken = OCRI_RECORD_BYTES + padded;
    return STATUS_OK;
}

enum status ocri_open(struct ocri *file, const uint8_t *data, uint32_t bytes, uint32_t height, uint32_t width,
                      struct ocri_trouble *trouble)
{
    if (bytes < OCRI_HEADER_BYTES) {
        return fail(trouble, STATUS_OCRI_SHORT, 0, bytes, OCRI_HEADER_BYTES);
    }
    const uint32_t magic = little_endian(data);
    const uint32_t version = little_endian(data + 4);
    const uint32_t count = little_endian(data + 8);
    const uint32_t crc = little_endian(data + 12);
    const uint32_t expected_magic = 'O' | 'C' << 8 | 'R' << 16 | (uint32_t)'I' << 24;
    if (magic != expected_magic) {
        return fail(trouble, STATUS_OCRI_MAGIC, 0, magic, expected_magic);
    }
    if (version != OCRI_VERSION) {
        return fail(trouble, STATUS_OCRI_VERSION, 0, version, OCRI_VERSION);
    }
    if (count == 0) {
        return fail(trouble, STATUS_OCRI_EMPTY, 0, 0, 1);
    }
    const uint8_t *at = data + OCRI_HEADER_BYTES;
    uint32_t left = bytes - OCRI_HEADER_BYTES;
    const uint32_t found_crc = crc32(at, left);
    if (found_crc != crc) {
        return fail(trouble, STATUS_OCRI_CRC, 0, found_crc, crc);
    }
    *file = (struct ocri){.next = at, .left = count, .count = count};
    for (uint32_t image = 1; image <= count; image++) {
        uint32_t taken = 0;
        const enum status status = check_record(at, left, image, height, width, &taken, trouble);
        if (status != STATUS_OK) {
            return status;
        }
        at += taken;
        left -= taken;
    }
    if (left != 0) {
        return fail(trouble, STATUS_OCRI_TRAILING, 0, left, 0);
    }
    return STATUS_OK;
}

struct ocri_image ocri_next(struct ocri *file)
{
    const uint8_t *at = file->next;
    const struct ocri_image image = {
        .pixels = at + OCRI_RECORD_BYTES, .width = little_endian(at), .height = little_endian(at + 4)};
    file->next += OCRI_RECORD_BYTES + ((little_endian(at + 8) + 3u) & ~3u);
    file->left--;
    return image;
}
