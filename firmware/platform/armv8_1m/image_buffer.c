#include "platform.h"

/* From the linker script: the free rest of the images' region. */
extern uint8_t _images_start[], _images_end[];

uint8_t *platform_image_buffer(uint32_t *bytes)
{
    *bytes = (uint32_t)_images_end - (uint32_t)_images_start;
    return _images_start;
}
