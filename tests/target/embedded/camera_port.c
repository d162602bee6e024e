/* A camera that shows the pictures of pictures.h in RGB565, and who shows its texts. */
#include "ocrm55.h"
#include "pictures.h"
#include "say.h"

const struct ocrm55_frame *board_next_frame(void);
void board_say(const char *text);

void board_say(const char *text)
{
    say(text);
    say("\n");
}

const struct ocrm55_frame *board_next_frame(void)
{
    static uint8_t pixels[2 * OCRM55_IMAGE_HEIGHT * OCRM55_IMAGE_WIDTH];
    static struct ocrm55_frame frame;
    static unsigned next;
    if (next == sizeof pictures / sizeof pictures[0]) {
        return NULL;
    }
    const uint8_t *from = pictures[next].pixels;
    const int32_t width = pictures[next].width;
    for (int32_t i = 0; i < width * OCRM55_IMAGE_HEIGHT; i++, from += 3) {
        const uint32_t word = (uint32_t)(from[2] >> 3) << 11 | (uint32_t)(from[1] >> 2) << 5 | (uint32_t)from[0] >> 3;
        pixels[2 * i] = (uint8_t)word;
        pixels[2 * i + 1] = (uint8_t)(word >> 8);
    }
    frame = (struct ocrm55_frame){pixels, width, OCRM55_IMAGE_HEIGHT, 2 * width, OCRM55_RGB565};
    next++;
    return &frame;
}
