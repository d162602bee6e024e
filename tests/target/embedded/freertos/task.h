#ifndef TASK_H
#define TASK_H

#include "FreeRTOS.h"

typedef void (*TaskFunction_t)(void *);
typedef struct tskTaskControlBlock *TaskHandle_t;

BaseType_t xTaskCreate(TaskFunction_t code, const char *name, uint16_t stack_words, void *parameters, UBaseType_t priority,
                       TaskHandle_t *created);
void vTaskStartScheduler(void);
void test_yielded(void);
#define taskYIELD() test_yielded()

#endif
