#include "platform.h"

/* From the linker script: what is left of the region of the images. */
extern uint8_t _images_start[], _images_end[];

uint8_t *platform_image_buffer(uint32_t *bytes)
{
    *bytes = (uint32_t)_images_end - (uint32_t)_images_start;
    return _images_start;
}
