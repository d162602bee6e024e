#include "ocrf.h"

static const uint32_t pixel_bytes[OCRF_FORMATS] = {1, 2, 3, 3, 2};

static uint32_t little_endian(const uint8_t *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

uint32_t ocrf_checksum(const uint8_t *data, uint32_t bytes)
{
    uint32_t sum = 1, sums = 0, last = 0;
    for (uint32_t words = bytes / 4u; words > 0; words--, data += 4) {
        sum += little_endian(data);
        sums += sum;
    }
    for (uint32_t i = 0; i < bytes % 4u; i++) {
        last |= (uint32_t)data[i] << 8u * i;
    }
    if (bytes % 4u != 0) {
        sum += last;
        sums += sum;
    }
    return sums ^ (sum << 16 | sum >> 16);
}

static enum status fail(struct ocrf_trouble *trouble, enum status status, uint32_t frame, uint32_t found,
                        uint32_t expected)
{
    *trouble = (struct ocrf_trouble){.frame = frame, .found = found, .expected = expected};
    return status;
}

static enum status check_sizes(const uint8_t *at, uint32_t frame, struct ocrf_trouble *trouble)
{
    const uint32_t width = little_endian(at), height = little_endian(at + 4), stride = little_endian(at + 8);
    const uint32_t format = little_endian(at + 12), bytes = little_endian(at + 16);
    if (width == 0 || width > OCRF_MOST_SIDE) {
        return fail(trouble, STATUS_OCRF_WIDTH, frame, width, OCRF_MOST_SIDE);
    }
    if (height == 0 || height > OCRF_MOST_SIDE) {
        return fail(trouble, STATUS_OCRF_HEIGHT, frame, height, OCRF_MOST_SIDE);
    }
    if (format >= OCRF_FORMATS) {
        return fail(trouble, STATUS_OCRF_FORMAT, frame, format, OCRF_FORMATS - 1u);
    }
    if (format == OCRF_YUYV && width % 2u != 0) {
        return fail(trouble, STATUS_OCRF_WIDTH, frame, width, 0); /* no width is the most: it must be even */
    }
    const uint32_t row = width * pixel_bytes[format];
    const uint32_t whole = format == OCRF_YUYV ? 4u : format == OCRF_RGB565 ? 2u : 1u;
    if (stride < row || stride > OCRF_MOST_STRIDE || stride % whole != 0) {
        return fail(trouble, STATUS_OCRF_STRIDE, frame, stride, row);
    }
    /* Both factors are bounded now, so the product does not wrap. */
    return bytes != stride * height ? fail(trouble, STATUS_OCRF_BYTES, frame, bytes, stride * height) : STATUS_OK;
}

/* One record at `at` with `left` bytes to the end of the file; its length goes to *taken. */
static enum status check_record(const uint8_t *at, uint32_t left, uint32_t frame, uint32_t *taken,
                                struct ocrf_trouble *trouble)
{
    if (left < OCRF_RECORD_BYTES) {
        return fail(trouble, STATUS_OCRF_TRUNCATED, frame, left, OCRF_RECORD_BYTES);
    }
    const enum status status = check_sizes(at, frame, trouble);
    if (status != STATUS_OK) {
        return status;
    }
    const uint32_t padded = (little_endian(at + 16) + 3u) & ~3u;
    if (left - OCRF_RECORD_BYTES < padded) {
        return fail(trouble, STATUS_OCRF_TRUNCATED, frame, left - OCRF_RECORD_BYTES, padded);
    }
    *taken = OCRF_RECORD_BYTES + padded;
    return STATUS_OK;
}

enum status ocrf_open(struct ocrf *file, const uint8_t *data, uint32_t bytes, struct ocrf_trouble *trouble)
{
    if (bytes < OCRF_HEADER_BYTES) {
        return fail(trouble, STATUS_OCRF_SHORT, 0, bytes, OCRF_HEADER_BYTES);
    }
    const uint32_t magic = little_endian(data), version = little_endian(data + 4);
    const uint32_t count = little_endian(data + 8), checksum = little_endian(data + 12);
    const uint32_t expected_magic = 'O' | 'C' << 8 | 'R' << 16 | (uint32_t)'F' << 24;
    if (magic != expected_magic) {
        return fail(trouble, STATUS_OCRF_MAGIC, 0, magic, expected_magic);
    }
    if (version != OCRF_VERSION) {
        return fail(trouble, STATUS_OCRF_VERSION, 0, version, OCRF_VERSION);
    }
    if (count == 0) {
        return fail(trouble, STATUS_OCRF_EMPTY, 0, 0, 1);
    }
    const uint8_t *at = data + OCRF_HEADER_BYTES;
    uint32_t left = bytes - OCRF_HEADER_BYTES;
    const uint32_t found = ocrf_checksum(at, left);
    if (found != checksum) {
        return fail(trouble, STATUS_OCRF_CHECKSUM, 0, found, checksum);
    }
    *file = (struct ocrf){.next = at, .left = count, .count = count};
    for (uint32_t frame = 1; frame <= count; frame++) {
        uint32_t taken = 0;
        const enum status status = check_record(at, left, frame, &taken, trouble);
        if (status != STATUS_OK) {
            return status;
        }
        at += taken;
        left -= taken;
    }
    return left != 0 ? fail(trouble, STATUS_OCRF_TRAILING, 0, left, 0) : STATUS_OK;
}

struct ocrf_frame ocrf_next(struct ocrf *file)
{
    const uint8_t *at = file->next;
    const struct ocrf_frame frame = {.pixels = at + OCRF_RECORD_BYTES,
                                     .width = little_endian(at),
                                     .height = little_endian(at + 4),
                                     .stride = little_endian(at + 8),
                                     .format = (enum ocrf_format)little_endian(at + 12)};
    file->next += OCRF_RECORD_BYTES + ((little_endian(at + 16) + 3u) & ~3u);
    file->left--;
    return frame;
}

const char *ocrf_format_name(enum ocrf_format format)
{
    static const char *const names[OCRF_FORMATS] = {"gray8", "rgb565", "rgb888", "bgr888", "yuyv"};
    return names[format];
}
