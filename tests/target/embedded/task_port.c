/* The rest of a program around examples/task.c: FreeRTOS's functions for one task, and who sends it the pictures. */
#include "queue.h"
#include "task.h"

#include "ocrm55.h"
#include "pictures.h"
#include "say.h"

struct picture {
    const uint8_t *pixels;
    int32_t width;
};
struct answer {
    enum ocrm55_outcome outcome;
    float score;
    char text[OCRM55_TEXT_BYTES];
};

BaseType_t start_reader(UBaseType_t priority);

QueueHandle_t pictures_to_read = NULL, texts_read = NULL;
static TaskFunction_t task;
static unsigned next, yields;
void end_of_task(void); /* leaves main */

BaseType_t xTaskCreate(TaskFunction_t code, const char *name, uint16_t stack_words, void *parameters, UBaseType_t priority,
                       TaskHandle_t *created)
{
    (void)name;
    (void)parameters;
    (void)created;
    task = code;
    return stack_words > 500 && priority == 2 ? pdPASS : 0;
}

void vTaskStartScheduler(void) { task(NULL); }

void test_yielded(void) { yields++; }

BaseType_t xQueueReceive(QueueHandle_t queue, void *item, TickType_t wait)
{
    (void)wait;
    if (queue != pictures_to_read || next == sizeof pictures / sizeof pictures[0]) {
        say(yields >= next * OCRM55_STEP_COUNT ? "it let others run\n" : "it kept the core\n");
        end_of_task();
    }
    *(struct picture *)item = (struct picture){pictures[next].pixels, pictures[next].width};
    next++;
    return pdTRUE;
}

BaseType_t xQueueSend(QueueHandle_t queue, const void *item, TickType_t wait)
{
    const struct answer *const answer = item;
    (void)queue;
    (void)wait;
    say(answer->outcome == OCRM55_READ ? answer->text : "?");
    say("\n");
    return pdTRUE;
}

int main(void)
{
    if (start_reader(2) != pdPASS) {
        return 2;
    }
    vTaskStartScheduler();
    return 3;
}
