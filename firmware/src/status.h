/* Exit statuses of the firmware: 0 is success, these are its own complaints, 64 and up are faults (platform's faults.h).
 * 1 and 134 are never used: QEMU ends with them when it fails itself, or when the core locks up. */
#ifndef OCRM55_STATUS_H
#define OCRM55_STATUS_H

enum status {
    STATUS_OK = 0,
    STATUS_COMMAND_LINE = 10,  /* an unknown word in the command line */
    STATUS_NO_IMAGE = 11,      /* no file was named and no image is compiled in */
    STATUS_FILE_OPEN = 12,     /* the file of images cannot be opened */
    STATUS_FILE_READ = 13,     /* it ended early */
    STATUS_FILE_TOO_LARGE = 14,
    STATUS_FILE_WRITE = 15,    /* the file of probabilities cannot be written */
    STATUS_ARENA = 16,         /* the model wrote beyond its arena, seen with OCRM55_ARENA_GUARD */
    STATUS_OCRI_SHORT = 20,    /* the file of images is shorter than its header */
    STATUS_OCRI_MAGIC = 21,    /* does not begin with OCRI */
    STATUS_OCRI_VERSION = 22,  /* another version */
    STATUS_OCRI_EMPTY = 23,    /* no images in it */
    STATUS_OCRI_CRC = 24,      /* damaged */
    STATUS_OCRI_TRUNCATED = 25, /* a record goes past the end */
    STATUS_OCRI_HEIGHT = 26,   /* not the model's height */
    STATUS_OCRI_WIDTH = 27,    /* no pixels, or wider than the model's input */
    STATUS_OCRI_BYTES = 28,    /* a record's size is not width x height x 3 */
    STATUS_OCRI_TRAILING = 29, /* bytes after the last record */
    STATUS_NPU = 30,           /* plus ocrm55_npu_status, up to 49: the NPU is not there, does not suit, or failed */
    STATUS_OCRF_SHORT = 50,    /* the file of frames is shorter than its header */
    STATUS_OCRF_MAGIC = 51,    /* does not begin with OCRF */
    STATUS_OCRF_VERSION = 52,  /* another version */
    STATUS_OCRF_EMPTY = 53,    /* no frames in it */
    STATUS_OCRF_CHECKSUM = 54, /* damaged */
    STATUS_OCRF_TRUNCATED = 55, /* a record goes past the end */
    STATUS_OCRF_WIDTH = 56,    /* no pixels, or too many columns */
    STATUS_OCRF_HEIGHT = 57,   /* no pixels, or too many rows */
    STATUS_OCRF_FORMAT = 58,   /* no format of pixels that is known */
    STATUS_OCRF_STRIDE = 59,   /* rows overlap or are too far apart */
    STATUS_OCRF_BYTES = 60,    /* a record's size is not stride x height */
    STATUS_OCRF_TRAILING = 61, /* bytes after the last record */
    STATUS_PAGE = 62,          /* a page cannot be read: too little memory beside the frames */
    STATUS_REGION = 63,        /* a region lies too far outside the frame */
};

#endif
