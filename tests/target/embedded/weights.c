/* Weights in flash, beside the program: two slots, of which the newest valid image counts; wrong ones are refused. A simulator
 * loads images into the slots at SLOT_A and SLOT_B, as an update does on a board. */
#include "ocrm55.h"
#include "pictures.h"
#include "readings.h"

#define SLOT_A 0x28000000u
#define SLOT_B 0x28400000u
#define SLOT_BYTES 0x400000u

static uint8_t arena[OCRM55_ARENA_BYTES] __attribute__((aligned(OCRM55_ARENA_ALIGN), section(".bss.ocrm55.arena")));

int main(void)
{
    static char text[OCRM55_TEXT_BYTES];
    static uint16_t classes[OCRM55_STEPS];
    struct ocrm55_reading reading = {.text = text, .classes = classes};
    const struct ocrm55_weights_slot slots[] = {
        {(const void *)SLOT_A, SLOT_BYTES},
        {(const void *)SLOT_B, SLOT_BYTES},
    };
    for (unsigned i = 0; i < 2; i++) {
        say(ocrm55_weights_words(ocrm55_weights_check(slots[i].image, slots[i].room, OCRM55_WEIGHTS_OF_IMAGE)));
        say("\n");
    }
    const int32_t newest = ocrm55_weights_newest(slots, 2, OCRM55_WEIGHTS_OF_IMAGE);
    if (newest < 0) {
        say("no weights\n");
        return 0;
    }
    if (OCRM55_USE_WEIGHTS(slots[newest].image, slots[newest].room) != OCRM55_WEIGHTS_OK) {
        return 2;
    }
    if (OCRM55_USE_WEIGHTS(slots[newest].image, 100) != OCRM55_WEIGHTS_LENGTH) {
        return 3; /* and the weights before stay in use */
    }
    say(newest == 0 ? "slot A\n" : "slot B\n");
    for (unsigned i = 0; i < sizeof pictures / sizeof pictures[0]; i++) {
        if (ocrm55_recognize(&OCRM55_RECOGNIZER, arena, sizeof arena, pictures[i].pixels, pictures[i].width, &reading,
                             NULL) != OCRM55_READ) {
            return 4;
        }
        say_reading(&OCRM55_NETWORK, arena, &reading);
    }
    return 0;
}
