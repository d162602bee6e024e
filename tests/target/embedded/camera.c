/* Reads the regions of the frames in frames.h with a recognizer alone, and calls that are wrong. */
#include "frames.h"
#include "ocrm55.h"
#include "readings.h"

static uint8_t arena[OCRM55_ARENA_BYTES] __attribute__((aligned(OCRM55_ARENA_ALIGN), section(".bss.ocrm55.arena")));
static uint8_t crop[OCRM55_CROP_BYTES];

int main(void)
{
    static char text[OCRM55_TEXT_BYTES];
    static uint16_t classes[OCRM55_STEPS];
    struct ocrm55_reading reading = {.text = text, .classes = classes};
    const struct ocrm55_recognizer *const recognizer = &OCRM55_RECOGNIZER;

    for (unsigned i = 0; i < sizeof shots / sizeof shots[0]; i++) {
        const struct shot *const shot = &shots[i];
        memset(arena, 0xFF, sizeof arena);
        if (ocrm55_recognize_frame(recognizer, arena, sizeof arena, &shot->frame, shot->whole ? NULL : &shot->region,
                                   shot->polarity, crop, sizeof crop, &reading, NULL) != OCRM55_READ) {
            return 2;
        }
        say_reading(&OCRM55_NETWORK, arena, &reading);
    }
    struct ocrm55_frame wrong = shots[0].frame;
    struct ocrm55_box far = ocrm55_rectangle(INT32_MAX, 0, INT32_MAX, 10);
    if (ocrm55_recognize_frame(recognizer, arena, sizeof arena, &wrong, &far, OCRM55_AS_IT_IS, crop, sizeof crop,
                               &reading, NULL) != OCRM55_REGION ||
        ocrm55_recognize_frame(recognizer, arena, sizeof arena, &wrong, NULL, OCRM55_AS_IT_IS, crop, sizeof crop - 1,
                               &reading, NULL) != OCRM55_SCRATCH_SHORT ||
        ocrm55_recognize_frame(recognizer, arena, sizeof arena - 1, &wrong, NULL, OCRM55_AS_IT_IS, crop, sizeof crop,
                               &reading, NULL) != OCRM55_ARENA_SHORT) {
        return 3;
    }
    wrong.format = 17;
    if (ocrm55_recognize_frame(recognizer, arena, sizeof arena, &wrong, NULL, OCRM55_AS_IT_IS, crop, sizeof crop,
                               &reading, NULL) != OCRM55_FRAME) {
        return 4;
    }
    return 0;
}
